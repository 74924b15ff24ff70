"""Every word of the pages and of the frame of a mail, in English; `{company}` and `{mail}` are the sender's.

The other languages are beside it, in `languages/`; `python tools/write_languages.py` brings their files up to date. Of
a pair the first is said of one, the second of several: of `{count}`.
"""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGE = "en"

WORDS: Mapping[str, str | tuple[str, str]] = {
    # Survey: the question, and what the two ends of its scale mean.
    "survey.title": "Your opinion",
    "survey.nps.question": "How likely are you to recommend {company} to a friend or colleague?",
    "survey.nps.low": "Not at all likely",
    "survey.nps.high": "Extremely likely",
    "survey.csat.question": "How satisfied are you with {company}?",
    "survey.csat.low": "Very dissatisfied",
    "survey.csat.high": "Very satisfied",
    "survey.ces.question": "{company} made it easy for me. Do you agree?",
    "survey.ces.low": "Strongly disagree",
    "survey.ces.high": "Strongly agree",
    # What is asked after a score, by how high it is.
    "survey.nps.follow.low": "What should we do better?",
    "survey.nps.follow.middle": "What would have made it a 9 or 10?",
    "survey.nps.follow.high": "What do you like most?",
    "survey.csat.follow.low": "What went wrong?",
    "survey.csat.follow.middle": "What could have been better?",
    "survey.csat.follow.high": "What did you like most?",
    "survey.ces.follow.low": "What made it hard?",
    "survey.ces.follow.middle": "What could be easier?",
    "survey.ces.follow.high": "What made it easy?",
    # Exit: the reasons that a playbook does not write itself.
    "survey.exit.question": "What was your main reason for leaving {company}?",
    "survey.exit.price": "The price",
    "survey.exit.quality": "The quality",
    "survey.exit.service": "The service",
    "survey.exit.missing": "Something I need was missing",
    "survey.exit.competitor": "I found something that suits me better",
    "survey.exit.no_need": "I no longer need it",
    "survey.exit.other": "Something else",
    "survey.exit.comment": "Would you like to add something?",
    "survey.again": "You have answered before. You can change your answer here.",
    "survey.comment": "What is the main reason for your answer?",
    "survey.optional": "optional",
    "survey.choose.any": "Choose all that apply.",
    "survey.choose.most": ("Choose one.", "Choose up to {count}."),
    "survey.send": "Send my answer",
    "survey.fault": "Your answer has not been kept yet",
    "survey.fault.score": "Please choose a number from {lowest} to {highest}.",
    "survey.fault.reason": "Please choose a reason or write a few words.",
    "survey.fault.answer": "Please answer this question.",
    "survey.fault.choice": "Please choose from the answers shown.",
    "survey.fault.most": ("Please choose only one.", "Please choose no more than {count}."),
    "survey.fault.long": "Please keep your words under {longest} characters; they are {length} now.",
    # Thanks
    "thanks.title": "Thank you",
    "thanks.text": "{company} has your answer and will read it.",
    "thanks.score": "Your answer: {score}",
    "thanks.change": "Change my answer",
    "thanks.until": "You can change it until {day}.",
    "thanks.write": "If you would like a reply, write to",
    # Unsubscribe and preferences
    "unsubscribe.title": "Stop mail from {company}?",
    "unsubscribe.text": "One click and {company} will send you no more offers, surveys or news.",
    "unsubscribe.button": "Stop the mail",
    "unsubscribe.stay": "If you want to go on getting it, close this page: nothing has changed.",
    "unsubscribe.choose": "Choose what you get instead",
    "preferences.title": "Mail from {company}",
    "preferences.subscribed.title": "You get mail from {company}",
    "preferences.subscribed.text": "You can stop it at any time, here or in any of our mails.",
    "preferences.unsubscribed.title": "You are unsubscribed",
    "preferences.unsubscribed.text": "{company} will send you no more offers, surveys or news.",
    "preferences.change": "Changed your mind?",
    "preferences.return": "Get mail again",
    "preferences.agree": "Yes, {company} may write to me again",
    "preferences.unticked": "Please tick the box first, so that we know you mean it.",
    "preferences.button": "Get mail again",
    "preferences.topics.title": "What would you like from {company}?",
    "preferences.topics.button": "Keep my choice",
    "preferences.saved": "Your choice is kept.",
    "preferences.stop.title": "Nothing at all",
    "preferences.blocked.title": "You get no mail from {company}",
    "preferences.blocked.text": (
        "Mail to this address was reported as unwanted, could not be delivered, or was stopped by {company}. "
        "To get it again, write to {mail}."
    ),
    # What every mail says at its foot, and what is read aloud of a number: 7 of 10.
    "letter.why": "You get this mail because you are a customer of {company}.",
    "letter.unsubscribe": "Unsubscribe",
    "letter.settings": "Mail settings",
    "letter.of": "of",
    "letter.within": ("within {count} working hour", "within {count} working hours"),
    # Review
    "review.title": "Share your experience",
    "review.heading": "How was it with {company}?",
    "review.text": "Good or bad: what you write helps others decide, and helps {company} get better.",
    "review.link": "Write a review on {site}",
    "review.leave": "This leads to another site.",
    "review.none": "There is nothing to do here at the moment. To tell {company} how it was, write to {mail}.",
    # Referral
    "referral.title": "Tell a friend",
    "referral.heading": "Know somebody who would like {company}?",
    "referral.text": "This is your personal code. Whoever brings it was sent by you.",
    "referral.code": "Your code",
    "referral.forward": "A text to pass on",
    "referral.message": "I buy from {company} and thought of you. If you try it, mention my code: {code}",
    "referral.subject": "Try {company}",
    "referral.mail": "Pass it on by mail",
    "referral.link": "Your link",
    "referral.invitation": "I buy from {company} and thought of you. Have a look: {link}",
    "referral.reward": "When a friend of yours buys for the first time and keeps it, you get {reward}.",
    "referral.disclosure": "Please tell your friends that you get something for it. The page behind your link says so.",
    "referral.brought": ("One friend of yours has bought.", "{count} friends of yours have bought."),
    "referral.place": "That is place {place} among {of} people who have brought friends.",
    # The page that a contact passes on to friends
    "friend.title": "{name} recommends {company}",
    "friend.somebody": "A friend",
    "friend.text": "Have a look around. If you order, give this code, so that {company} knows who sent you.",
    "friend.welcome": "With your first order you get {welcome}.",
    "friend.code": "The code",
    "friend.go": "Go to {company}",
    "friend.disclosure": "{name} gets {reward} from {company} if you buy.",
    "friend.later": "Not today?",
    "friend.later.text": (
        "Leave your address, and your first order counts for {name} without the code. It brings you no mail."
    ),
    "friend.address": "Your mail address",
    "friend.agree": "{company} may keep my address to know my first order by it, and forgets it if I do not order.",
    "friend.send": "Remember my address",
    "friend.kept": "Thank you. Your first order with this address counts for {name}.",
    "friend.fault.address": "Please look at the address again: no mail could reach it.",
    "friend.fault.unticked": "Please tick the box, so that we know that we may keep it.",
    # Words or a video to show
    "testimonial.title": "In your own words",
    "testimonial.heading": "How was it with {company}?",
    "testimonial.text": (
        "Good or bad: tell others in your own words or with a short video. "
        "{company} may show it, and gives nothing for it."
    ),
    "testimonial.kept": "This is what you gave us. You can change it here, or take it back.",
    "testimonial.words": "Your words",
    "testimonial.video": "Link to a video of yours",
    "testimonial.shown_as": "The name to show with it",
    "testimonial.agree": (
        "{company} may show this on its website and in its mails, with the name given above. "
        "I can take it back at any time."
    ),
    "testimonial.send": "Send",
    "testimonial.withdraw": "Take it back",
    "testimonial.fault": "Nothing has been kept yet",
    "testimonial.fault.nothing": "Please write a few words, or give the link to a video.",
    "testimonial.fault.long": "Please shorten your words.",
    "testimonial.fault.video": "The link to a video begins with https://.",
    "testimonial.fault.unticked": "Please tick the box, so that we know that we may show it.",
    "testimonial.thanks.title": "Thank you",
    "testimonial.thanks.text": (
        "{company} has your words and may show them. With the link in the mail you can change them or take them back."
    ),
    "testimonial.change": "Change or take back",
    "testimonial.withdrawn.title": "It is taken back",
    "testimonial.withdrawn.text": "{company} has deleted what you gave, and shows it no more.",
    # Problems: what happened, and what to do.
    "problem.link.title": "This link does not work",
    "problem.link.text": (
        "It may have been cut short on its way. Open the mail again and click the link there, or write to {mail}."
    ),
    "problem.closed.title": "This survey is closed",
    "problem.closed.text": "Thank you all the same. If you would like to tell us something, write to {mail}.",
    "problem.trap.title": "There is nothing here",
    "problem.trap.text": (
        "Programs that look mail over follow this link, so that they are not taken for you. Nothing has changed."
    ),
    "problem.missing.title": "There is no such page",
    "problem.missing.text": "Open the mail again and click the link there, or write to {mail}.",
    "problem.method.title": "That cannot be done here",
    "problem.method.text": "Open the mail again and click the link there, or write to {mail}.",
    "problem.request.title": "That could not be read",
    "problem.request.text": "Go back and try once more, or write to {mail}.",
    "problem.long.title": "That was too long",
    "problem.long.text": "Go back, shorten your words and send them again. Nothing has been kept yet.",
    "problem.often.title": "One moment, please",
    "problem.often.text": "Many pages were opened from your connection. Wait half a minute and try again.",
    "problem.ours.title": "That went wrong on our side",
    "problem.ours.text": "What you sent has not been kept yet. Please try again in a few minutes.",
}
