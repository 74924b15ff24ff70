"""Commands by which a person decides: approve, enroll, settle, pause, resume, suppress, unsuppress, go-live."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import AsJson, Folder, console, print_json, workspace
from runner.errors import NeedsPerson, WrongUsage

if TYPE_CHECKING:
    from runner.app.decisions import Called

OnePlaybook = Annotated[str, typer.Argument(metavar="PLAYBOOK")]
MaybePlaybook = Annotated[str | None, typer.Argument(metavar="PLAYBOOK", help="Everything where none is named.")]


def approve(
    playbook: OnePlaybook,
    folder: Folder = None,
    plan: Annotated[
        str | None,
        typer.Option(help="The hash of those who were seen; asked for unless given.", metavar="HASH"),
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Turn them away: their occasions are used up.")] = False,
) -> None:
    """Let in the people whom the brake holds, by the playbook as it is now; or turn them away."""
    from runner.app import decisions

    with workspace(folder) as app:
        people, digest = decisions.braked(app, playbook)
        if plan is None:
            words = f"{playbook}: {people} people, plan {digest}. {'Turn them away' if drop else 'Let them in'}?"
            _ask(words, digest)
            plan = digest
        if drop:
            print(f"{playbook}: {decisions.turn_away_all(app, playbook, plan)} people were turned away.")
            return
        done = decisions.approve(app, playbook, plan)
    print(f"{playbook}: {done.let_in} people go on at the next tick.")
    if done.kept_out:
        print(f"{done.kept_out} do not fit any more; `regulars log --playbook {playbook}` says why.")


def _ask(words: str, digest: str) -> None:
    """Asks where somebody can answer. Raises NeedsPerson where nobody can, or the answer is no."""
    if not sys.stdin.isatty():
        raise NeedsPerson(f"{words} Say so with --plan {digest}")
    if not typer.confirm(words):
        raise NeedsPerson("nobody was let in or turned away")


def enroll(
    playbook: OnePlaybook,
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="A source id, our id or an address.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Call a contact into a playbook, whatever its trigger; audience, reenter and holdout hold as ever."""
    from runner.app import decisions
    from runner.errors import ExitCode

    with workspace(folder) as app:
        called = decisions.call_in(app, playbook, contact)
    if as_json:
        print_json(called.document())
    else:
        print(called_in_words(called))
    sys.exit(ExitCode.PERSON if called.status == "skipped" else ExitCode.DONE)


def called_in_words(called: Called) -> str:
    who = called.contact["email"] or called.contact["source_id"]
    if called.status == "skipped":
        return f"{called.playbook}: {who} does not enter: {called.reason}"
    if called.status == "holdout":
        return f"{called.playbook}: {who} is {called.reason}"
    missing = f" What its trigger brings is missing: {', '.join(called.missing)}." if called.missing else ""
    return f"{called.playbook}: {who} is in; the next tick does the first step.{missing}"


def settle(
    send: Annotated[
        str | None, typer.Argument(metavar="SEND", help="One send; without any the unsure ones are listed.")
    ] = None,
    folder: Folder = None,
    playbook: Annotated[str | None, typer.Option(help="All unsure sends of this playbook.", metavar="ID")] = None,
    sent: Annotated[bool, typer.Option("--sent", help="They went out.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Send them again; somebody may get two.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Leave them be; the next step follows.")] = False,
    as_json: AsJson = False,
) -> None:
    """List unsure sends, or say what is to become of them."""
    from runner.app import decisions
    from runner.cli.reports import unsure_table

    if sent + resend + drop > 1:
        raise WrongUsage("say one of --sent, --resend and --drop")
    with workspace(folder) as app:
        if not (sent or resend or drop):
            found = decisions.unsure(app, send, playbook)
            if as_json:
                print_json(found)
            else:
                console().print(unsure_table(found, zone=app.settings.timezone))
            return
        if send is None and playbook is None:
            raise WrongUsage("name a send, or a playbook with --playbook")
        verb = "sent" if sent else "resend" if resend else "drop"
        settled = decisions.settle(app, send, playbook, verb)
    print(f"{settled} sends settled.")


def pause(playbook: MaybePlaybook = None, folder: Folder = None) -> None:
    """Stop a playbook, or everything: nobody enters, those inside wait."""
    from runner.app import decisions

    with workspace(folder) as app:
        decisions.pause(app, playbook)
    if playbook is None:
        print("Everything is paused, playbooks added from now on too: nobody enters, nothing is sent.")
    else:
        print(f"{playbook}: paused")


def resume(
    playbook: MaybePlaybook = None,
    folder: Folder = None,
    mailer: Annotated[str | None, typer.Option(help="A mailer that its breaker stopped.", metavar="NAME")] = None,
) -> None:
    """Let a paused playbook run again, or everything. Playbooks paused by name stay paused until they are named."""
    from runner.app import decisions

    if mailer is not None and playbook is not None:
        raise WrongUsage("name a playbook or a mailer, not both")
    with workspace(folder) as app:
        if mailer is not None:
            decisions.resume_mailer(app, mailer)
            print(f"{mailer}: sends again")
            return
        still = decisions.resume(app, playbook)
        everything = decisions.paused_since(app) is not None
    print(f"{playbook}: runs again" if playbook else "Everything runs again.")
    if everything:
        print("Everything is paused still; `regulars resume` lifts that.")
    if still:
        print(f"Paused by name: {', '.join(still)}")


def suppress(address: Annotated[str, typer.Argument(metavar="ADDRESS")], folder: Folder = None) -> None:
    """Never write to this address."""
    from runner.app import decisions

    with workspace(folder) as app:
        new = decisions.suppress(app, address)
    print(f"{address} is suppressed." if new else f"{address} was suppressed already.")


def unsuppress(address: Annotated[str, typer.Argument(metavar="ADDRESS")], folder: Folder = None) -> None:
    """Lift what `suppress` or a bounce did, and let somebody erased come back; a person's own no stays."""
    from runner.app import decisions, people

    with workspace(folder) as app:
        if people.lift_stone(app, address):
            print(f"{address}: had been erased; a full sync may bring them back.")
        lifted, kept = decisions.unsuppress(app, address)
    print(f"{address}: {lifted} lifted." if lifted else f"{address}: nothing to lift.")
    if kept:
        print(f"Kept: {', '.join(kept)}. Only the person can take that back.")


def go_live(
    folder: Folder = None,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, forget the rehearsal.")] = False,
) -> None:
    """Lead from the outbox to a real mailer. Archives the rehearsal and starts the playbooks afresh."""
    from runner.app import decisions

    with workspace(folder) as app:
        if not yes and not typer.confirm(decisions.rehearsal_in_words(app)):
            raise typer.Abort
        archive = decisions.go_live(app)
    print(f"The rehearsal is kept in {archive}. The next tick is the first one that counts.")


COMMANDS: Mapping[str, Callable[..., None]] = {
    "approve": approve,
    "enroll": enroll,
    "settle": settle,
    "pause": pause,
    "resume": resume,
    "suppress": suppress,
    "unsuppress": unsuppress,
    "go-live": go_live,
}
