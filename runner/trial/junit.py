"""What tests came to, in the XML that continuous integration reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from xml.etree import ElementTree

from runner.errors import Fault
from runner.trial.run import Ran, Tried

#: Characters that XML cannot hold.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(tried: Sequence[Tried], faults: Sequence[Fault], at: datetime) -> str:
    """One suite a playbook; a playbook that cannot be tested is a suite with an error in it."""
    root = ElementTree.Element("testsuites", name="regulars")
    for one in tried:
        suite = _suite(root, one.playbook.id, at)
        for ran in one.ran:
            _case(suite, one, ran)
    for file in dict.fromkeys(fault.file for fault in faults):
        case = ElementTree.SubElement(_suite(root, _name(file), at), "testcase", classname=_name(file), name="check")
        case.attrib |= {"time": "0.000", "file": file}
        told = [str(fault) for fault in faults if fault.file == file]
        error = ElementTree.SubElement(case, "error", message=xml_text(told[0]))
        error.text = xml_text("\n".join(told))
    for suite in root:
        _count(suite, suite.iter("testcase"))
    _count(root, root.iter("testcase"))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def xml_text(text: str) -> str:
    """The text with what XML cannot hold written as pytest writes it: `#x1B`."""
    return _NO_XML.sub(lambda found: f"#x{ord(found.group()):02X}", text)


def _suite(root: ElementTree.Element, name: str, at: datetime) -> ElementTree.Element:
    return ElementTree.SubElement(root, "testsuite", name=xml_text(name), timestamp=at.isoformat())


def _case(suite: ElementTree.Element, one: Tried, ran: Ran) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=xml_text(one.playbook.id), name=xml_text(ran.case.name))
    case.attrib |= {"time": f"{ran.seconds:.3f}", "file": one.playbook.file.name, "line": str(one.line_of(ran))}
    if not ran.passed:
        failure = ElementTree.SubElement(case, "failure", message=xml_text(ran.failures[0]))
        failure.text = xml_text("\n".join([*ran.failures, *ran.happened()]))


def _count(element: ElementTree.Element, cases: Iterable[ElementTree.Element]) -> None:
    found = list(cases)
    numbers = {"tests": len(found), "skipped": 0}
    numbers |= {f"{kind}s": sum(case.find(kind) is not None for case in found) for kind in ("failure", "error")}
    seconds = sum(float(case.get("time", 0)) for case in found)
    element.attrib |= {**{name: str(number) for name, number in numbers.items()}, "time": f"{seconds:.3f}"}


def _name(file: str) -> str:
    return xml_text(file.rpartition("/")[2].rpartition(".")[0])
