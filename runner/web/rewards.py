"""The pages of reviews and referrals: where to write a review, words to show, a contact's own page for friends."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from runner import collect
from runner.collect import BadFriend, BadTestimonial, Referrer, Testimonial, UnknownSend
from runner.links import BadLink, Kind
from runner.settings.review_sites import OWN, label_of
from runner.settings.rewards import in_language
from runner.web.desk import Desk
from runner.web.pages import Pages
from runner.web.public import SHOWN, TheDesk, TheForm, ThePages, is_visit, note_visit, visit_by
from runner.web.visit import Visit

router = APIRouter()


# --- reviews


@router.api_route("/r/{token}", methods=SHOWN)
def review_or_referral(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    ticket = desk.links.read((Kind.REVIEW, Kind.REFERRAL), token)
    visited = collect.visited(desk.store, ticket)
    if visited is None:
        raise UnknownSend(ticket.send_id)
    note_visit(request, desk, ticket)
    visit = visit_by(request, desk, ticket)
    if ticket.kind is Kind.REFERRAL:
        return _referral_page(visit, desk, pages, visited.contact_id)
    if visited.site == OWN and OWN not in desk.settings.reviews.open:
        given = collect.testimonial(desk.store, ticket)
        return _testimonial_page(visit, pages, given or Testimonial(), kept=given is not None)
    return pages.show(visit, "review", sites=_sites(desk, visited.site, token))


@router.api_route("/r/{token}/{site}", methods=SHOWN)
def to_site(token: str, site: str, request: Request, desk: TheDesk) -> Response:
    """On to the site; the way there is kept as a click."""
    ticket = desk.links.read(Kind.REVIEW, token)
    url = desk.settings.reviews.open.get(site)
    if url is None or collect.visited(desk.store, ticket) is None:
        raise BadLink
    note_visit(request, desk, ticket, of=site)
    return RedirectResponse(url, 303)


@router.post("/r/{token}")
def testify(token: str, request: Request, desk: TheDesk, pages: ThePages, form: TheForm) -> Response:
    """Words or a video to show; or what was given is taken back."""
    ticket = desk.links.read(Kind.REVIEW, token)
    visit = visit_by(request, desk, ticket)
    if form.get("choice") == "withdraw":
        collect.withdraw(desk.store, ticket, desk.now())
        return pages.show(visit, "testimonial_thanks", withdrawn=True)
    given = Testimonial(form.get("words", ""), form.get("video", ""), form.get("shown_as", ""))
    agreed, sentence = form.get("agree") == "yes", pages.say(visit, "testimonial.agree")
    try:
        collect.testify(desk.store, ticket, given, agreed=agreed, consent_words=sentence, now=desk.now())
    except BadTestimonial as refusal:
        return _testimonial_page(visit, pages, given, fault=refusal.fault)
    return pages.show(visit, "testimonial_thanks", withdrawn=False)


def _testimonial_page(
    visit: Visit, pages: Pages, given: Testimonial, *, kept: bool = False, fault: str | None = None
) -> Response:
    return pages.show(visit, "testimonial", 422 if fault else 200, given=given, kept=kept, fault=fault)


def _sites(desk: Desk, asked: str | None, token: str) -> dict[str, str]:
    """The site that the letter asked for, or all there are, each with where its button leads."""
    sites = {name: url for name, url in desk.settings.reviews.open.items() if url.startswith(("https://", "http://"))}
    chosen = [name for name in sites if asked not in sites or name == asked]
    return {label_of(name): f"{token}/{name}" for name in chosen}


# --- referrals


def _referral_page(visit: Visit, desk: Desk, pages: Pages, contact_id: int) -> Response:
    """A contact's own: the code and, where there is a programme, the link to pass on and what it has brought."""
    code = collect.referral_code(desk.store, contact_id, desk.now())
    programme = desk.settings.referrals
    if programme is None:
        return pages.show(visit, "referral", code=code, link=None, reward=None, brought=None)
    brought = collect.brought(desk.store, contact_id, compare=programme.leaderboard)
    reward = in_language(programme.reward, visit.languages)
    values = {"code": code, "link": desk.links.friend(contact_id), "reward": reward, "brought": brought}
    return pages.show(visit, "referral", **values)


@router.api_route("/f/{token}", methods=SHOWN)
def friends_page(token: str, request: Request, desk: TheDesk, pages: ThePages) -> Response:
    return _friends_page(Visit.of(request.scope), desk, pages, _whose(desk, token), token)


@router.api_route("/f/{token}/go", methods=SHOWN)
def to_shop(token: str, request: Request, desk: TheDesk) -> Response:
    """On to the shop, which hears whose friend it is: the code, and a number of this visit."""
    whose, programme = _whose(desk, token), desk.settings.referrals
    assert programme is not None  # or nobody's page is there
    said = {"ref": whose.code}
    if is_visit(request):
        said["visit"] = collect.send_on(desk.store, whose, desk.now())
    return RedirectResponse(_with(programme.landing, said), 303)


@router.post("/f/{token}")
def leave_address(token: str, request: Request, desk: TheDesk, pages: ThePages, form: TheForm) -> Response:
    whose, visit = _whose(desk, token), Visit.of(request.scope)
    address, agreed = form.get("address", ""), form.get("agree") == "yes"
    sentence = pages.say(visit, "friend.agree")
    try:
        collect.leave_address(desk.store, whose, address, agreed=agreed, consent_words=sentence, now=desk.now())
    except BadFriend as refusal:
        return _friends_page(visit, desk, pages, whose, token, fault=refusal.fault, written=address)
    return _friends_page(visit, desk, pages, whose, token, kept=True)


def _friends_page(
    visit: Visit,
    desk: Desk,
    pages: Pages,
    whose: Referrer,
    token: str,
    *,
    fault: str | None = None,
    written: str = "",
    kept: bool = False,
) -> Response:
    name = _called(pages, visit, whose)
    programme = desk.settings.referrals
    assert programme is not None  # or nobody's page is there
    said = {key: in_language(getattr(programme, key), visit.languages) for key in ("reward", "welcome", "disclosure")}
    values = {"name": name, "code": whose.code, "go": f"{token}/go", **said}
    return pages.show(visit, "friend", 422 if fault else 200, **values, fault=fault, written=written, kept=kept)


def _whose(desk: Desk, token: str) -> Referrer:
    """Whose page it is. Without a programme there are none."""
    ticket = desk.links.read(Kind.FRIEND, token)
    whose = collect.referrer(desk.store, ticket, desk.now())
    if whose is None or desk.settings.referrals is None:
        raise BadLink
    return whose


def _called(pages: Pages, visit: Visit, whose: Referrer) -> str:
    return whose.first_name or pages.say(visit, "friend.somebody")


def _with(url: str, said: dict[str, str]) -> str:
    """The address with these parameters beside its own."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query, keep_blank_values=True), *said.items()])))
