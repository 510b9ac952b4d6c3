"""The English phrases that tickets are put together from. It does not know which issue types exist or how often.

A clause is an object and a problem (`the invoice` + `appears twice`). Objects and problems are shared by many issue
types, so that only the pair says what a ticket is about. Every problem fits every object in grammar, whether or not
the pair is an issue type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Bank:
    """Phrases of one language. Frames are `str.format` templates; `{c}` is a clause, `{o}` an object."""

    objects: Mapping[str, tuple[str, ...]]
    """Object → noun phrases in the singular; no phrase belongs to two objects."""
    problems: Mapping[str, tuple[str, ...]]
    """Problem → predicates in the third person singular; no phrase belongs to two problems."""
    statements: tuple[str, ...]
    """Frames around the clause that the ticket is about; `{when}` is a time."""
    asides: tuple[str, ...]
    """Frames around another clause, which is settled: a reader knows that the ticket is not about it."""
    times: tuple[str, ...]
    """Fillers of `{when}`."""
    topics: tuple[str, ...]
    """Subject lines around an object."""
    subjects: tuple[str, ...]
    """Subject lines that say nothing; `{product}` is a product."""
    remarks: tuple[str, ...]
    """Sentences that fit every ticket; `{product}`, `{version}` and `{users}` may stand in them."""
    greetings: tuple[str, ...]
    closings: tuple[str, ...]
    pleased: tuple[str, ...]
    """Sentences of a customer in good spirits."""
    upset: tuple[str, ...]
    """Sentences of a customer in bad spirits."""
    contexts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Object → sentences on what it is used for."""
    signs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Problem → sentences on how it shows."""


ENGLISH: Final = Bank(
    objects={
        "alert": ("the alert rule", "our threshold alarm", "the notification rule", "the monitoring alert"),
        "auditlog": ("the audit log", "the activity journal", "the access protocol", "our audit trail"),
        "backup": ("the nightly backup", "our backup set", "the snapshot of our volume", "the archived copy"),
        "certificate": ("the TLS certificate", "our server certificate", "the certificate of our host"),
        "connector": ("the CRM connector", "the adapter to our ERP", "our integration plug-in", "the database adapter"),
        "dashboard": ("the dashboard", "our overview board", "the KPI page", "the start page with the charts"),
        "endpoint": ("the REST endpoint", "the orders API", "the query interface", "the public API"),
        "export": ("the CSV export", "the data export", "the download of our table", "the extract for our warehouse"),
        "import": ("the file import", "the upload of our list", "the bulk load", "the CSV upload"),
        "invoice": ("the invoice", "our monthly bill", "the billing statement", "the last invoice"),
        "job": ("the scheduled job", "our nightly batch", "the recurring task", "the cron run"),
        "key": ("the encryption key", "our master key", "the key in the vault", "the customer-managed key"),
        "license": ("the license", "our license key", "the seat license", "the activation key"),
        "login": ("the sign-in", "the login page", "our login", "the password prompt"),
        "mail": ("the password reset mail", "the invitation mail", "the one-time code", "the confirmation message"),
        "plan": ("the subscription", "our plan", "the yearly contract", "the booked package"),
        "record": ("the customer record", "a contact entry", "the account master data", "a client profile"),
        "report": ("the monthly report", "our usage report", "the PDF report", "the management summary"),
        "restore": ("the restore", "the recovery of our volume", "the rollback to last week", "the recovery run"),
        "role": ("the user role", "the permission set", "our admin role", "the group membership"),
        "search": ("the search", "the filter in the list", "the full-text search", "the lookup field"),
        "sso": ("the single sign-on", "the SAML federation", "our identity provider link", "the SSO hand-over"),
        "sync": ("the sync run", "the replication", "the two-way sync", "the transfer between our sites"),
        "token": ("the API token", "our access token", "the service credential", "the client secret"),
        "upgrade": ("the upgrade to the next edition", "our upgrade", "the move to the larger edition"),
        "webhook": ("the webhook", "the event callback", "the outgoing notification hook", "our event subscription"),
    },
    problems={
        "audit": (
            "has to be proven to our auditors",
            "must meet the retention rule",
            "is asked for as evidence in our certification",
            "has to comply with data protection law",
            "is part of the regulator's questionnaire",
        ),
        "denied": (
            "answers with access denied",
            "turns us away",
            "refuses us although everything is entered correctly",
            "says that we are not allowed",
            "does not let our colleague through",
            "rejects a valid request",
        ),
        "expired": (
            "has run out ahead of time",
            "is shown as expired",
            "ended before the agreed date",
            "will lapse within the next days",
            "is no longer valid",
        ),
        "exposed": (
            "can be seen by people who should not see it",
            "is open to users of another company",
            "turned up in the account of a stranger",
            "is readable without signing in",
            "is accessible to anybody on the internet",
        ),
        "fails": (
            "stops with an error",
            "aborts halfway through",
            "does not complete any more",
            "crashes every time we start it",
            "ends with a failure message",
            "breaks off after a few seconds",
        ),
        "garbled": (
            "contains unreadable characters",
            "is damaged and cannot be opened",
            "is full of garbage",
            "has a checksum that does not match",
            "comes out scrambled",
        ),
        "layout": (
            "is hard to read on a small screen",
            "has buttons that overlap",
            "has a confusing arrangement of fields",
            "shows labels that are cut off",
            "is difficult to use with a keyboard",
        ),
        "missing": (
            "has lost entries that were there yesterday",
            "lacks half of what it should hold",
            "comes back with rows missing",
            "is incomplete",
            "no longer holds all our items",
            "has gaps where there used to be data",
        ),
        "plain": (
            "is sent without encryption",
            "is kept in clear text",
            "goes over the wire unprotected",
            "relies on an outdated cipher",
            "is not encrypted at rest",
        ),
        "slow": (
            "takes minutes instead of seconds",
            "is painfully slow",
            "hangs for a long time before anything happens",
            "has become very sluggish",
            "keeps us waiting for ages",
            "responds only after a long delay",
        ),
        "stuck": (
            "cannot be changed by our administrator",
            "ignores the settings that we save",
            "falls back to the default after every change",
            "does not keep what we set",
            "will not take our new values",
        ),
        "twice": (
            "appears twice",
            "is listed two times",
            "comes in duplicate",
            "was created a second time",
            "shows up more than once",
        ),
        "unclear": (
            "is not explained anywhere in the manual",
            "has no usable instructions",
            "leaves us guessing how it is meant to be used",
            "is described with an example that is out of date",
            "needs a better description in the guide",
        ),
        "undelivered": (
            "never arrives",
            "is not passed on to the other system",
            "gets caught in the queue",
            "does not reach the recipient",
            "stays pending forever",
            "is not handed over",
        ),
        "update": (
            "behaves differently since the latest release",
            "stopped working after the update",
            "is broken in the new version",
            "does not get along with our upgraded system",
            "worked before the last release and now does not",
        ),
        "wish": (
            "should support more formats",
            "needs an option for several teams",
            "could do with a bulk mode",
            "would be more useful with a second step of approval",
            "ought to be available in the mobile app",
            "should be possible to automate",
        ),
        "wrong": (
            "shows figures that cannot be right",
            "contains amounts that do not add up",
            "displays incorrect values",
            "is off by a large margin",
            "does not match our own numbers",
            "states a wrong total",
        ),
    },
    statements=(
        "{c}.",
        "Since {when}, {c}.",
        "We see that {c}.",
        "Several colleagues tell me that {c}.",
        "It looks as if {c}.",
        "{c}, and nobody here knows why.",
        "This is what it is about: {c}.",
        "I am writing because {c}.",
        "On our side {c}.",
        "Our users complain that {c}.",
        "Please look into this: {c}.",
        "We noticed {when} that {c}.",
        "The reason for this ticket is that {c}.",
        "For some of us {c}.",
    ),
    asides=(
        "This is not the old case in which {c}; that one is closed.",
        "An earlier ticket, where {c}, has been settled.",
        "Some weeks ago we wrote that {c}; thanks, that is solved.",
        "Please do not merge this with the report that {c}, which is done.",
        "It has nothing to do with the matter from before ({c}).",
        "By the way, you can drop the note from my colleague that {c}.",
        "We first thought that {c}, but that was ruled out.",
        "A neighbouring team had it that {c}; it is not our concern here.",
    ),
    times=("yesterday", "this morning", "Monday", "last night", "the weekend", "Thursday", "about noon", "last week"),
    topics=("Question about {o}", "Issue with {o}", "{o}", "Help needed: {o}", "{o}, please check", "Regarding {o}"),
    subjects=(
        "Support request",
        "Urgent, please read",
        "Question on {product}",
        "{product} ticket",
        "Need some help",
        "Follow-up",
        "Something for your team",
        "{product}: please advise",
    ),
    remarks=(
        "We run {product} {version}.",
        "We have been using {product} for about three years.",
        "People who work with it: {users}.",
        "Nothing was changed on our network.",
        "We suspect the proxy, but cannot be sure.",
        "A restart of the client did not change anything.",
        "Clearing the cache made no difference.",
        "It can be reproduced on two machines.",
        "We tried it from another office as well.",
        "Our data centre is in another time zone, so please mind the hours.",
        "I can send a screen recording if that helps.",
        "The knowledge base had no answer for us.",
        "Our team lead has asked for a written statement.",
        "Please tell us what you need from our side.",
        "We have a release planned for Friday.",
        "The account manager is informed.",
        "I am away after four o'clock, my colleague will answer then.",
        "This was discussed on the phone with your colleague.",
        "We are on version {version} and would rather not move right now.",
        "The same person set up {product} for us.",
    ),
    greetings=("Hello,", "Hi team,", "Dear support,", "Good morning,", "Hi there,", "To whom it may concern,", "Hey,"),
    closings=("Best regards", "Kind regards", "Thanks", "Cheers", "Many thanks in advance", "Regards", "Yours"),
    pleased=(
        "Thank you for the great help so far.",
        "No hurry, and thanks for the good product.",
        "You are doing well!",
    ),
    upset=(
        "This is not acceptable.",
        "We are losing patience.",
        "I expected more for what we pay.",
        "This is the third time I have to write.",
        "We will have to look for another supplier.",
    ),
    contexts={
        "alert": ("The person on call relies on it.", "It was set up for our disk usage."),
        "auditlog": ("Our internal control reads it every quarter.", "It covers who changed what."),
        "backup": ("It covers our file server.", "It is kept for ninety days."),
        "certificate": ("Browsers check it on every visit.", "It was issued by our own authority."),
        "connector": ("Sales and finance exchange their orders through it.", "It links two systems of ours."),
        "dashboard": ("It hangs on a screen in the office.", "Our managers open it every morning."),
        "endpoint": ("Our shop calls it for every order.", "Our developers built a client for it."),
        "export": ("The analysts load the file into their warehouse.", "The file has forty columns."),
        "import": ("The file comes from our old system.", "The file holds about two thousand lines."),
        "invoice": ("Finance wants to close the month.", "Our accountant is waiting for it."),
        "job": ("It is planned for two in the morning.", "Three other steps wait for it."),
        "key": ("It is rotated twice a year.", "It is held in our own vault."),
        "license": ("We bought it for forty seats.", "It came with the renewal."),
        "login": ("Everybody here starts the day with it.", "The browser is up to date."),
        "mail": ("We looked in the spam folder as well.", "Our mail host accepts your domain."),
        "plan": ("We booked it in spring.", "Our purchasing department signed it."),
        "record": ("It belongs to one of our largest clients.", "It was typed in by hand."),
        "report": ("The board gets it on the first of the month.", "It has about thirty pages."),
        "restore": ("We need the state of last Tuesday.", "It is about four terabytes."),
        "role": ("It was made for our new colleagues.", "It has been in use since the beginning."),
        "search": ("The service desk works with it all day.", "We look for order numbers with it."),
        "sso": ("Our identity team runs the other end.", "It uses our own domain."),
        "sync": ("It joins our two sites.", "It is meant to happen every ten minutes."),
        "token": ("A script of ours uses it.", "It was made for a partner."),
        "upgrade": ("The offer was accepted last month.", "We planned it for the quiet week."),
        "webhook": ("Our chat bot listens to it.", "The receiving server is up."),
    },
    signs={
        "audit": ("A written confirmation would do.", "The deadline is the end of the quarter."),
        "denied": ("The message came with a 403.", "The same person was let in elsewhere."),
        "expired": ("There was no reminder.", "The date on our paper is another one."),
        "exposed": ("We have not told anybody outside yet.", "A visitor told us about it."),
        "fails": ("The last lines of the log are below.", "It ends at the same place each time."),
        "garbled": ("Our editor shows question marks.", "The size of the file looks normal."),
        "layout": ("A picture is attached.", "Zooming out helps a little."),
        "missing": ("We compared it with a printout.", "The count is lower than before."),
        "plain": ("Our scanner flagged it.", "A trace of the traffic shows it."),
        "slow": ("We measured more than ninety seconds.", "At night it is quicker."),
        "stuck": ("The page says that it was saved.", "We tried it with two accounts."),
        "twice": ("Both have the same number.", "The second one is a minute younger."),
        "unclear": ("The page in the manual is from last year.", "A short example would be enough."),
        "undelivered": ("The other end was reachable all the time.", "There is no trace of it."),
        "update": ("The release notes do not mention it.", "Before that it ran for months."),
        "wish": ("Other suppliers have it.", "It would save us hours."),
        "wrong": ("We did the sum by hand.", "The difference is always there."),
    },
)
