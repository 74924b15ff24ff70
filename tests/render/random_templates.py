"""Random templates, made of all that the language has, and random people to render them for."""

from __future__ import annotations

from hypothesis import strategies as st

#: What people may be called: everyday names, other scripts, and what somebody types to see what happens.
WORDS = st.one_of(
    st.none(),
    st.sampled_from(["Ada", "Bo", "O'Hare & Sons", "<Cy>", "Zoë", "שרה"]),
    st.sampled_from(
        [
            *(
                "",
                " ",
                "Ada",
                "O'Hare",
                'Jo "Jo" <b>&amp;</b>',
                "Zoë",
                "陳大文",
                "שָׁלוֹם",
                "مرحبا, Ada",
                "a\u202eb",
                "👩‍👩‍👧",
                "e\u0301",
            ),
            *(
                "{{ 7*7 }}",
                "{% raw %}",
                "{#",
                "}}",
                "&copy",
                "&#65;",
                "</p>",
                "<!--",
                "]]>",
                "\\1",
                "a  b",
                " x",
                "x\n\ny",
            ),
            *("-r0.1-", "-r00000000.0-", "%k%", "\x00\x1f", "\u00a0", "\u2028", "\ud800", "-" * 40),
        ]
    ),
    st.text(max_size=8),
    st.text("<>&\"' -r.0{}%#\\=/;\n", max_size=8),
)
PEOPLE = st.lists(st.tuples(WORDS, WORDS, st.none() | st.integers(0, 10)), min_size=3, max_size=6)

_FIELD = st.sampled_from(["contact.first_name", "contact.last_name", "contact.nps_score", "word", "other"])
_FILTER = st.sampled_from(
    [
        *(
            "upper",
            "lower",
            "title",
            "trim",
            "e",
            "safe",
            "length",
            "default('friend')",
            "default('<i>', true)",
            "urlencode",
        ),
        *("replace('a', '<b>')", "truncate(3)", "striptags", "string", "center(9)", "list|join('-')", "capitalize"),
    ]
)
_TEST = st.sampled_from(
    [
        *("contact.nps_score > 6", "contact.first_name", "contact.last_name == none", "word is defined", "not other"),
        *("(contact.first_name or '')|length > 3", "'a' in (word or '')|string", "loop_no is defined and loop_no > 1"),
    ]
)


def _expression(draw: st.DrawFn) -> str:
    """`contact.first_name|upper`, two of them joined, one or the other, or a constant."""
    field = draw(_FIELD)
    filters = "".join(f"|{draw(_FILTER)}" for _ in range(draw(st.integers(0, 2))))
    form = draw(
        st.sampled_from(
            [
                "{0}",
                "{0}",
                "({0} or 'nobody'){1}",
                "({0}|string ~ ' & ' ~ word|string){1}",
                "('<b>' if {0} else \"it's\"){1}",
            ]
        )
    )
    # Not everything has a length or can be joined, and a template that fails is no test.
    safe = f"({field}|default('', true)|string)"
    return form.format(safe + filters if form == "{0}" else field, filters)


#: Those that capture what is in them, so that no key may stand there, are fewer.
_NESTING = ["if", "for", "with", "set", "include", "macro", "raw"] * 2 + ["filter", "block set", "call", "autoescape"]


@st.composite
def pieces(draw: st.DrawFn, depth: int = 2) -> str:
    """A piece of a template's body."""
    kinds = ["text", "value", "value", "value", "value", "attribute", "link"]
    kinds += _NESTING if depth else []
    made = []
    for _ in range(draw(st.integers(1, 3))):
        inner = draw(pieces(depth - 1)) if depth else ""  # type: ignore[call-arg]
        made.append(_piece(draw, draw(st.sampled_from(kinds)), inner))
    return "".join(made)


_LOOPS = ["[1, 2]", "range((contact.nps_score or 0)|int // 4)", "(word or '')|string|list"]


def _piece(draw: st.DrawFn, kind: str, inner: str) -> str:
    value = _expression(draw)
    match kind:
        case "value":
            return f"{{{{ {value} }}}}"
        case "attribute":
            return f'<b title="{{{{ {value} }}}}">x</b>'
        case "link":
            return f'<a href="https://x.example/?q={{{{ {value} }}}}&amp;z=1">{{{{ {value} }}}}</a>'
        case "if":
            return f"{{% if {draw(_TEST)} %}}{inner}{{% else %}}-{{{{ {value} }}}}{{% endif %}}"
        case "for":
            loop = draw(st.sampled_from(_LOOPS))
            head = f"{{% for loop_no in {loop} %}}{{% set word = loop_no|string %}}{{{{ loop.index }}}}"
            return f"{head}{inner}{{% else %}}none{{% endfor %}}"
        case "set":
            return f"{{% set other = {value} %}}{inner}"
        case "with":
            return f"{{% with word = {value} %}}{inner}{{% endwith %}}"
        case "filter":
            return f"{{% filter {draw(st.sampled_from(['upper', 'trim', 'title']))} %}}{inner}{{% endfilter %}}"
        case "block set":
            return f"{{% set other %}}{inner}{{% endset %}}{{{{ other }}}}{{{{ other|length }}}}"
        case "call":
            return f"{{% call box() %}}{inner}{{% endcall %}}"
        case "macro":
            return f"{{{{ shout({value}) }}}}"
        case "include":
            return "{% include 'email/_line.html' %}"
        case "raw":
            return "{% raw %}{{ not a value }}{% endraw %}"
        case "autoescape":
            return (
                f"{{% autoescape {draw(st.sampled_from(['true', 'false']))} %}}{{{{ {value} }}}}{{% endautoescape %}}"
            )
    return draw(st.sampled_from(["<p>Hello</p>", " ", "it's &amp; it is", "<br>", "<i>n</i>\n"]))


@st.composite
def templates(draw: st.DrawFn) -> dict[str, str]:
    """The files of a template: itself, what it extends or not, what it includes, and at times its own text part."""
    macros = (
        "{% macro shout(x) %}<b>{{ x|upper }}</b>{{ x }}{% endmacro %}"
        "{% macro box() %}<i>{{ caller()|lower }}</i>{{ caller() }}{% endmacro %}"
    )
    head = "{% set tint = '#fff' %}{% set word = contact.first_name %}{% set other = contact.last_name %}"
    body, line = draw(pieces()), draw(pieces(0))  # type: ignore[call-arg]
    style = draw(st.sampled_from(["", "<style>b { color: red }</style>", "<style>p { color: {{ tint }} }</style>"]))
    content = f"{{% block content %}}{draw(pieces(0))}{{% endblock %}}"  # type: ignore[call-arg]
    frame = f"{head}<html><head>{style}</head><body style='color: {{{{ tint }}}}'>{content}</body></html>"
    above = draw(st.sampled_from(["", "", "{{ super() }}", "{{ super() }}", "{{ super()|upper }}"]))
    files = {
        "_line_html": line,
        "_frame_html": frame,
        "a_html": "{% extends 'email/_frame.html' %}"
        f"{macros}{{% block content %}}{head}{above}{body}{{% endblock %}}",
    }
    if draw(st.booleans()):
        files["a_html"] = f"{macros}{head}<html><head>{style}</head><body>{body}</body></html>"
    if draw(st.booleans()):
        files["a_txt"] = f"{macros}{head}{body}\n"
    return files
