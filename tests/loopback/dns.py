"""A name server on this machine: answers for TXT records what it is told, and says NXDOMAIN to anything else.

with LoopbackDns({"acme.pl": ["v=spf1 -all"]}) as server:
    server.resolver.resolve("acme.pl", "TXT")
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence

from dns import flags, message, rcode, rdatatype, rrset
from dns.resolver import Resolver


class LoopbackDns:
    """Serves these TXT records on 127.0.0.1; a name of them that is `None` gets no answer at all."""

    def __init__(self, records: Mapping[str, Sequence[str] | None]) -> None:
        self._records = records
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def resolver(self) -> Resolver:
        """Asks this server and nobody else."""
        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        return resolver

    def __enter__(self) -> LoopbackDns:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            asked, client = self._socket.recvfrom(4096)
            if not asked:
                return
            if (answer := self._answer(message.from_wire(asked))) is not None:
                self._socket.sendto(answer.to_wire(), client)

    def _answer(self, asked: message.Message) -> message.Message | None:
        name = asked.question[0].name.to_text(omit_final_dot=True).lower()
        texts = self._records.get(name, ())
        if texts is None:
            return None
        answer = message.make_response(asked)
        answer.flags |= flags.RA
        if name not in self._records:
            answer.set_rcode(rcode.NXDOMAIN)
        for text in texts:
            parts = " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))
            answer.answer.append(rrset.from_text(asked.question[0].name, 60, "IN", rdatatype.TXT, parts))
        return answer
