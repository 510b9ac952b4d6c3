from __future__ import annotations

import random
from typing import Final

import pyarrow as pa
import pytest

from tickets.cleaning import Cleaner, build_cleaner
from tickets.config.cleaning import STEP_KINDS, CleaningConfig

QUOTED: Final = {
    "Thanks, it works.\n\nOn Mon, Jan 6, 2025 at 9:00 AM John Doe <j@x.com> wrote:\n> Did you try?\n>\n> John\n": (
        "Thanks, it works."
    ),
    "No.\n\nOn Mon, Jan 6, 2025 at 9:00 AM John Doe <\njohn.doe@example.com> wrote:\n\n> Did you\n> try?": "No.",
    "On Mon, Jan 6, 2025 at 9:00 AM John <j@x.com> wrote:\n> Did you try?\n\nYes, twice.\n\n> A log?\n\nAttached.": (
        "Yes, twice.\n\nAttached."
    ),
    "Geht nicht.\n\nAm 06.01.2025 um 09:00 schrieb Max Muster:\n> Bitte neu starten.": "Geht nicht.",
    "Geht nicht.\n\nAm Mo., 6. Jan. 2025 um 09:00 Uhr schrieb Max <m@x.de>:\n\n> Neu starten": "Geht nicht.",
    "Ça marche.\n\nLe lun. 6 janv. 2025 à 09:00, Jean <j@x.fr> a écrit :\n> Redémarrez": "Ça marche.",
    "No va.\n\nEl lun, 6 ene 2025 a las 9:00, Juan (<j@x.es>) escribió:\n> Reinicie": "No va.",
    "Não.\n\nEm seg., 6 de jan. de 2025 às 09:00, João <j@x.pt> escreveu:\n> Reinicie": "Não.",
    "No.\n\nIl giorno lun 6 gen 2025 alle ore 09:00 Gino <g@x.it> ha scritto:\n> Riavvia": "No.",
    "Nee.\n\nOp ma 6 jan 2025 om 09:00 schreef Jan <j@x.nl>:\n> Herstart": "Nee.",
    "还是不行。\n\n在 2025年1月6日 9:00，张三 <z@x.com> 写道：\n> 请重启": "还是不行。",
    "まだ動きません。\n\n2025年1月6日(月) 9:00 山田太郎 <y@x.jp>:\n\n> 再起動してください": "まだ動きません。",
    "Down.\n\n-----Original Message-----\nFrom: Support\nSent: Monday\nSubject: RE: down\n\nRestart.": "Down.",
    "Geht nicht.\n\n-----Ursprüngliche Nachricht-----\nVon: Support\n\nBitte neu starten.": "Geht nicht.",
    "Down.\n\nFrom: Doe, John\nSent: Monday, January 6, 2025 9:00 AM\nTo: Me\nSubject: RE: x\n\nRestart.": "Down.",
    "Down.\n________________________________\nFrom: John <j@x.com>\nSent: 6 Jan 2025\nTo: Me\n\nRestart.": "Down.",
    "Nein.\n\nVon: Max <m@x.de>\nGesendet: Montag, 6. Januar 2025 09:00\nAn: Me\nBetreff: AW: x\n\nNeu.": "Nein.",
    "Non.\r\n\r\nDe : Jean <j@x.fr>\r\nEnvoyé : 6 janvier 2025\r\nÀ : Moi\r\nObjet : RE: x\r\n\r\nEssayez.": "Non.",
    "不行。\n\n发件人: 张三\n发送时间: 2025年1月6日\n收件人: 我\n主题: 回复\n\n请重启": "不行。",
    "動きません。\n\n差出人: 山田 <y@x.jp>\n送信日時: 2025年1月6日\n宛先: 私\n件名: Re\n\n再起動": "動きません。",
    "New text.\n##- Please type your reply above this line -##\nOld text": "New text.",
    "I did that.\n\n> Please restart the server and tell us.\n> Regards": "I did that.",
    "> On 6 Jan 2025, at 09:00, Joe <j@x.com> wrote:\n>\n> A?\n\nYes.\n\n> B?\n\nNo.": "Yes.\n\nNo.",
}
"""Mail → what its writer says."""

NOT_QUOTED: Final = (
    "I get:\n> TypeError: x is undefined\n> at foo.js:1\nPlease help",
    "Run this:\n> npm install\n> npm start",
    "> everything is quoted, all of it.\n> And nothing else.",
    "On Mon, Jan 6, 2025 at 9:00 AM John <j@x.com> wrote:\n> only a quote",
    "Hi John,\n\nOn Mon, Jan 6, 2025 at 9:00 AM John <j@x.com> wrote:\n> only a greeting above",
    "FYI\n\nFrom: Ann <a@x.com>\nSent: 6 January 2025\nTo: Me\nSubject: crash\n\nThe app crashes.",
    "Sent from my iPhone\n\nFrom: Ann <a@x.com>\nSent: 6 January 2025\nTo: Me\nSubject: crash\n\nThe app crashes.",
    "Look.\n\n---------- Forwarded message ---------\nFrom: Ann <a@x.com>\nDate: 6 Jan 2025\nSubject: x\n\nIt fails.",
    "My answers are below in red.\n\nFrom: Ann <a@x.com>\nSent: 6 Jan 2025\nTo: Me\nSubject: x\n\nWhich version? 4.2",
    "Hello,\n\nFrom: the start of the day it fails\nTo: be honest I do not know why\n\nAnn",
    "Change my flight\n\nFrom: Berlin\nTo: Paris\nDate: 2025-01-06\n\nNew date: 7 January",
    "Our mail bounces. Headers:\nFrom: a@x.com\nTo: b@y.com\nDate: 6 Jan 2025\nSubject: test\n\n550 no such user",
    "Look:\n\nReceived: from mx.x.com\nFrom: a@x.com\nDate: 6 Jan 2025\nTo: b@y.com\nSubject: t\n\nWhy is it spam?",
    "On 5 January John from your team wrote:\nWe will refund you.\nBut nothing came.",
    ">>> import os\n>>> os.getcwd()\nThat raises.",
    "if a > b then\n> c",
    "The form said\n-----\nOriginal message\n-----\nand nothing else",
)
"""What only looks like a quote, or is all there is."""

SIGNED: Final = {
    "It fails.\n\n-- \nJohn Doe\nACME Inc.\n+1 555 123 4567": "It fails.",
    "It fails.\n\n-- \nJohn\n\nPS: phones fail too, see the log.": "It fails.\n\nPS: phones fail too, see the log.",
    "It fails.\n\nBest regards,\nJohn Doe\nHead of IT\nACME GmbH | www.acme.de": "It fails.",
    "It fails.\n\nKind regards\n\nJohn Doe\n\nTel.: +49 30 123456\n\njohn@acme.de": "It fails.",
    "It fails.\nThanks,\nJohn": "It fails.",
    "It fails.\n\nThanks and best regards, John": "It fails.",
    "Geht nicht.\n\nMit freundlichen Grüßen\nErika Mustermann\nMuster GmbH\nHauptstraße 5\n10115 Berlin": "Geht nicht.",
    "Geht nicht.\n\nViele Grüße aus Köln\nJan": "Geht nicht.",
    "Geht nicht.\n\nMfG": "Geht nicht.",
    "It fails.\n\nBest regards / Mit freundlichen Grüßen\n\ni.A. Jan Muster\nIT-Abteilung\n\nMuster AG\nHauptstr. 1\n"
    "D-10115 Berlin\nTel.: +49 (0) 30 1234-567\nE-Mail: j@muster.de\n\nVorstand: Dr. A. Boss\nHRB 12": "It fails.",
    "It fails.\n\nRegards\njane": "It fails.",
    "It fails.\n\nThanks!\n- Bob": "It fails.",
    "Ça ne marche pas.\n\nCordialement,\nJean Dupont": "Ça ne marche pas.",
    "No funciona.\n\nSaludos cordiales,\nJuan Pérez\nTel: 91 123 45 67": "No funciona.",
    "Não funciona.\n\nAtenciosamente,\nJoão Silva": "Não funciona.",
    "Non funziona.\n\nCordiali saluti\nGino Rossi": "Non funziona.",
    "Werkt niet.\n\nMet vriendelijke groet,\nJan de Vries": "Werkt niet.",
    "无法登录。\n\n此致\n敬礼\n张三": "无法登录。",
    "ログインできません。\n\nよろしくお願いいたします。\n山田太郎": "ログインできません。",
    "ログインできません。\n\n==========\n株式会社例\n山田太郎\n電話: 03-1234-5678\n==========": "ログインできません。",
    "It fails.\n\nSent from my iPhone": "It fails.",
    "It fails.\n\nSent from my Samsung Galaxy S20.": "It fails.",
    "It fails.\n\nGet Outlook for iOS": "It fails.",
    "It fails.\n\nSent from Mail for Windows 10": "It fails.",
    "Geht nicht.\n\nVon meinem iPhone gesendet": "Geht nicht.",
    "Ça casse.\n\nEnvoyé de mon iPhone": "Ça casse.",
    "No va.\n\nEnviado desde mi iPhone": "No va.",
    "Não vai.\n\nEnviado do meu iPhone": "Não vai.",
    "Non va.\n\nInviato da iPhone": "Non va.",
    "Werkt niet.\n\nVerstuurd vanaf mijn iPhone": "Werkt niet.",
    "不行。\n\n发自我的iPhone": "不行。",
    "駄目です。\n\niPhoneから送信": "駄目です。",
    "See the log.\n\nBest regards,\nJohn Doe\n\n2025-01-06 09:00:00 ERROR disk full": (
        "See the log.\n\n2025-01-06 09:00:00 ERROR disk full"
    ),
}
"""Mail → the mail without its signature."""

NOT_SIGNED: Final = (
    "Hi,\n\nBest regards are not enough, I want a refund.",
    "Hi\n\nThanks\nfor looking at the logs:\nERROR 1\nERROR 2",
    "Steps\n--\nOpen the app\nClick save\n--\nIt crashes",
    "Query:\n-- comment\nselect 1",
    "Thanks\n\nThe server is down again.",
    "Best regards,\nServer down\nplease call us back",
    "Sent from my iPhone the message never arrives.",
    "Thanks, still broken on my side",
    "Thanks",
    "Kind regards\nJohn",
    "Best regards,\nJohn\nThe printer on floor three is broken again",
    "Thanks\n\nUrgent",
    "Thank you\nWe still see this:\nException in thread main",
    "-- \nWe have seen that the server crashes every night.\nWhat can we do?",
    "a\n-----\nb\n-----\nc",
)
"""What only looks like a signature, or is all there is."""

DISCLAIMED: Final = {
    "It fails.\n\nThis email and any attachments are confidential and intended solely for the addressee. If you have"
    "\nreceived this email in error please notify the sender and delete it.": "It fails.",
    "It fails.\n\nCONFIDENTIALITY NOTICE: this message is privileged. Any unauthorized disclosure is prohibited.\n\n"
    "Warning: although we take precautions, we accept no liability for any virus.": "It fails.",
    "It fails.\n\nJohn\nPlease consider the environment before printing this email": "It fails.\n\nJohn",
    "CAUTION: This email originated from outside of the\norganization. Do not click links or attachments unless you"
    "\nknow the sender.\n\nThe printer is broken.": "The printer is broken.",
    "[EXTERNAL EMAIL]\n\nThe printer is broken.": "The printer is broken.",
    "Geht nicht.\n\nDiese E-Mail enthält vertrauliche Informationen. Wenn Sie nicht der richtige Adressat sind oder sie"
    " irrtümlich erhalten haben, informieren Sie bitte den Absender und vernichten Sie diese Mail.": "Geht nicht.",
    "Ça casse.\n\nCe message est confidentiel et destiné exclusivement à son destinataire. Si vous l'avez reçu par"
    " erreur, merci d'avertir l'expéditeur.": "Ça casse.",
    "No va.\n\nEste mensaje es confidencial y va dirigido exclusivamente a su destinatario.": "No va.",
    "Não vai.\n\nEsta mensagem é confidencial. Se a recebeu por engano, avise o remetente e elimine-a.": "Não vai.",
    "Non va.\n\nQuesto messaggio è riservato ed è ad uso esclusivo del destinatario.": "Non va.",
    "Werkt niet.\n\nDit bericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde.": "Werkt niet.",
    "It fails.\n\nDisclaimer\n\nThe information contained in this communication is confidential and intended solely for"
    " the recipient.\n\nThis email has been scanned for viruses and malware.": "It fails.",
    "不行。\n\n本邮件含有保密信息，仅供指定收件人使用。如误收，请删除。": "不行。",
    "駄目です。\n\n本メールには機密情報が含まれています。誤って受信された場合は削除してください。": "駄目です。",
}
"""Mail → the mail without notices."""

NOT_DISCLAIMED: Final = (
    "Your footer says: this email is confidential. Can it be changed?",
    "Confidential data of our customers was sent to the wrong recipient by mistake.\n\nPlease call.",
    "This email is confidential and intended solely for the addressee. Why does your system add that?",
    "This message came through an external relay and is lost.",
    "This is an external drive. It does not mount.",
    "[EXTERNAL] The printer is broken.",
    "This e-mail is confidential and intended solely for the addressee.",
    "Please delete the file.\n\nThe virus scanner blocks it.",
)
"""What only speaks of confidential things, or is all there is."""

AUTOMATIC: Final = {
    "Automatic reply: Ticket 17": "auto-reply",
    "Out of Office: Ticket 17": "auto-reply",
    "Abwesenheitsnotiz: Ihr Ticket": "auto-reply",
    "Réponse automatique : Ticket": "auto-reply",
    "自动答复: 工单": "auto-reply",
    "自動応答: チケット": "auto-reply",
    "Hello,\n\nI am out of the office until 12 January. For urgent matters call Ann.": "auto-reply",
    "Danke für Ihre Nachricht. Ich bin bis zum 12.1. nicht im Büro.": "auto-reply",
    "Bonjour,\nJe suis absent jusqu'au 12 janvier.": "auto-reply",
    "Estoy fuera de la oficina hasta el 12 de enero.": "auto-reply",
    "Estou de férias até dia 12.": "auto-reply",
    "Sono fuori ufficio fino al 12 gennaio.": "auto-reply",
    "Ik ben tot en met 12 januari afwezig.": "auto-reply",
    "您好，\n我目前不在办公室，紧急事务请联系王五。": "auto-reply",
    "1月12日まで不在にしております。": "auto-reply",
    "This is an automated response. We have received your request.": "auto-reply",
    "Undeliverable: Ticket 17": "bounce",
    "Delivery Status Notification (Failure)": "bounce",
    "Delivery has failed to these recipients or groups:\n\na@x.com": "bounce",
    "This is the mail system at host mx.x.com.\n\nI'm sorry to have to inform you": "bounce",
    "Unzustellbar: Ihr Ticket": "bounce",
    "Non remis : Ticket": "bounce",
    "Your message to a@x.com couldn't be delivered.": "bounce",
    "退信：工单": "bounce",
    "配信不能: チケット": "bounce",
}
"""Text → its mark."""

NOT_AUTOMATIC: Final = (
    "My out of office reply does not work",
    "I am out of the office next week, so please fix this before Friday.",
    "Since the update users get this mail:\n\nHello\n\nDelivery has failed to these recipients or groups:",
    "Please turn off the automatic reply of my account",
)
"""What a person writes about such mail."""

DAMAGED: Final = {
    "schÃ¶ne GrÃ¼ÃŸe": "schöne Grüße",
    "donâ€™t": "don’t",
    "ÃƒÂ¼ber": "über",
    "æ—¥æœ¬èªž": "日本語",
    "Ð¿Ñ€Ð¸Ð²ÐµÑ‚": "привет",
    "price 10 â‚¬": "price 10 €",
    "It\x92s": "It’s",
    "\x1b[31mred\x1b[0m": "red",
    "a\x00b": "ab",
    "\ufeffhi": "hi",
    "good line é\nschÃ¶n\r\nend": "good line é\nschön\r\nend",
}
"""Text → as it was meant."""

CLEAN: Final = (
    "naïve café, Größe, créée, l’été «où», “ok” — 100 €, 10 µm ±5 °C, ½",
    "SÃO PAULO, Tá â espera, CAFÉ®, LATÉ™, İstanbul, Łódź, œuvre",
    "ＡＢＣ ﬁne ﷽ &amp; &nbsp; “quotes”…",
    "line\r\nnext\ttab\x0cpage",
    "日本語のテキスト、中文文本，русский текст, ελληνικά, עברית",
    "the page shows Ã© instead of é",
)
"""Text without damage, or about damage."""

HTML: Final = {
    "<p>Hello <b>team</b>,</p><p>it&nbsp;fails &amp; stops<br>often &lt;now&gt;</p>": (
        "Hello team,\n\nit fails & stops\noften <now>"
    ),
    "Hello,<div>it fails</div><div><br></div><div>Ann</div>": "Hello,\nit fails\n\nAnn",
    "Hello,<br />\nit fails<br />\nAnn<br />": "Hello,\nit fails\nAnn",
    "<table><tr><th>Name</th><th>Value</th></tr><tr><td><p>cpu</p></td><td><p>99 %</p></td></tr></table>": (
        "Name | Value\ncpu | 99 %"
    ),
    "<ul><li>one</li><li>two<ol><li>a</li><li>b</li></ol></li></ul>": "- one\n- two\n  1. a\n  2. b",
    "<div>see <a href='https://x.y/z'>this page</a></div>": "see this page",
    "<div><script>evil()</script><style>p{}</style>seen<span style='display:none'>unseen</span>"
    "<p hidden>unseen</p><!-- unseen --></div>": "seen",
    "<div>a</div><pre>x  y\n  z</pre>": "a\n\nx  y\n  z",
    "<div>new</div><blockquote>old<br>older</blockquote>": "new\n\n> old\n> older",
    "<html><body><p class=MsoNormal>Hi,<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p>"
    "<p class=MsoNormal>it fails<o:p></o:p></p><p class=MsoNormal>Ann</p></body></html>": "Hi,\n\nit fails\nAnn",
    "<p>show &lt;p&gt;x&lt;/p&gt;</p>": "show <p>x</p>",
    "<div>&lt;p&gt;x&lt;/p&gt;</div>": "&lt;p>x&lt;/p>",
    "<div>it fails</div><div>-- <br>John</div>": "it fails\n-- \nJohn",
    "<p>unclosed <b>bold<p>next</p>": "unclosed bold\n\nnext",
}
"""HTML → its text."""

NOT_HTML: Final = (
    "a < b and c > d",
    "The export puts <br> in every cell",
    "Use List<String> and Map<Integer, p>",
    '<?xml version="1.0"?>\n<error><code>1</code></error>',
    "<error><code>1</code><p>x</p></error>",
    "Here is my page:\n<div>\n  <p>foo</p>\n</div>\nWhy?",
    "if (a<b) {\n  x<y>z;\n}",
    "<span> or <div>",
    "tags: <p>,<div>",
    "<john@x.com> wrote",
    "R&amp;D &lt;now&gt;",
)
"""Plain text with `<` in it."""

NASTY: Final = (
    "",
    " ",
    "\n\n\n",
    ">",
    "> > >",
    "--",
    "-- ",
    "<p></p>",
    "<p>&nbsp;</p>",
    "<html>",
    "\x00",
    "\u200b",
    "😀",
    "<p>On Mon, Jan 6, 2025 at 9:00 AM John &lt;j@x.com&gt; wrote:</p><blockquote>schÃ¶n</blockquote>",
    "Thanks\n\n-- \nThanks\n\n-- \nThanks",
    "Best regards\nBest regards\nBest regards",
)
"""Odd ones without a right answer but that they stay themselves when cleaned again."""

EVERY: Final = tuple(
    dict.fromkeys(
        [
            *(*QUOTED, *NOT_QUOTED, *SIGNED, *NOT_SIGNED, *DISCLAIMED, *NOT_DISCLAIMED),
            *(*AUTOMATIC, *NOT_AUTOMATIC, *DAMAGED, *CLEAN, *HTML, *NOT_HTML, *NASTY),
        ]
    )
)
"""All of them."""


WHOLE: Final = {
    '<div dir="ltr">Still <b>down</b>, see the log.<br><br>Best regards,<br>Ann Lee<br>ACME GmbH</div><br>'
    '<div class="gmail_quote"><div class="gmail_attr">On Mon, Jan 6, 2025 at 9:00 AM Joe &lt;<a href="mailto:j@x.com">'
    "j@x.com</a>&gt; wrote:<br></div><blockquote><div>Please restart.</div><div>-- <br>Joe</div></blockquote></div>": (
        "Still down, see the log.",
        ("html", "quotes", "signature"),
    ),
    "<html xmlns:o='o'><head><style>p{margin:0}</style></head><body><p class=MsoNormal>GerÃ¤t geht nicht.<o:p></o:p>"
    "</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>Mit freundlichen Gr&uuml;&szlig;en<br>Jan Muster"
    "</p><p class=MsoNormal>Diese E-Mail ist vertraulich. Sollten Sie nicht der richtige Adressat sein, vernichten Sie "
    "sie.</p><div><p class=MsoNormal><b>Von:</b> Support &lt;s@x.de&gt;<br><b>Gesendet:</b> Montag, 6. Januar 2025<br>"
    "<b>An:</b> Jan<br><b>Betreff:</b> AW: Gerät</p></div><p class=MsoNormal>Bitte neu starten.</p></body></html>": (
        "Gerät geht nicht.",
        ("html", "encoding", "quotes", "disclaimer", "signature"),
    ),
    "CAUTION: This email originated from outside the organization. Do not click links.\r\n\r\nIt fails.\r\n\r\n"
    "Sent from my iPhone\r\n\r\n> On 6 Jan 2025, at 09:00, Joe <j@x.com> wrote:\r\n>\r\n> Try again, please.\r\n": (
        "It fails.",
        ("quotes", "disclaimer", "signature"),
    ),
}
"""Mail → what is left of it, and the steps that it took."""


PATTERNS: Final = {
    "html": ("x<br>", "<p", "<a ", "<div>", "<!--", "&lt;", "<b><p>"),
    "encoding": ("Ã", "Ã©\n", "é", "\x00", "\x1b["),
    "quotes": (
        "> ",
        "On ",
        "On 1\n",
        "From: a\n",
        "From: a@b\nSent: 1\n",
        "-----\n",
        "On 1 9:00 2025 a@b.c ",
        "wrote:\n",
    ),
    "automatic": ("ich bin ", "your message to ", "i am "),
    "disclaimer": ("This email is confidential\n", "This email ", "CAUTION: This email originated from outside ", "\n"),
    "signature": ("Thanks\n", "Best regards\nJohn\n", "sent from my iphone ", "1 ", "a@", "J. ", "1-", "--\n", "www."),
}
"""Step → what could take it more than linear time."""


def cleaner(*kinds: str) -> Cleaner:
    return build_cleaner(CleaningConfig.model_validate({"steps": kinds}))


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (kind, *case)
        for kind, cases in (
            ("html", HTML),
            ("encoding", DAMAGED),
            ("quotes", QUOTED),
            ("disclaimer", DISCLAIMED),
            ("signature", SIGNED),
        )
        for case in cases.items()
    ],
)
def test_a_step_takes_away_what_is_not_said(kind: str, text: str, expected: str) -> None:
    cleaned = cleaner(kind).clean(text)
    assert cleaned.text == expected
    assert cleaned.changed == (kind,)
    assert cleaned.marks == ()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kind, text)
        for kind, texts in (
            ("html", NOT_HTML),
            ("encoding", CLEAN),
            ("quotes", NOT_QUOTED),
            ("disclaimer", NOT_DISCLAIMED),
            ("signature", NOT_SIGNED),
            ("automatic", NOT_AUTOMATIC),
        )
        for text in texts
    ],
)
def test_a_step_leaves_what_only_looks_so(kind: str, text: str) -> None:
    cleaned = cleaner(kind).clean(text)
    assert (cleaned.text, cleaned.changed, cleaned.marks) == (text, (), ())


@pytest.mark.parametrize(("text", "mark"), AUTOMATIC.items())
def test_automatic_mail_is_marked_and_stays(text: str, mark: str) -> None:
    cleaned = cleaner("automatic").clean(text)
    assert (cleaned.text, cleaned.marks) == (text, (mark,))


@pytest.mark.parametrize(("text", "expected"), WHOLE.items())
def test_steps_work_together(text: str, expected: tuple[str, tuple[str, ...]]) -> None:
    cleaned = cleaner(*STEP_KINDS).clean(text)
    assert (cleaned.text, cleaned.changed) == expected


@pytest.mark.parametrize("kinds", [*((kind,) for kind in STEP_KINDS), STEP_KINDS])
def test_any_mixture_of_mails_keeps_the_promises(kinds: tuple[str, ...]) -> None:
    """Never empty, never failed, the same in a column as alone, and cleaning again changes nothing."""
    clean, texts = cleaner(*kinds), [*EVERY, *mixtures(400)]
    alone = [clean.clean(text) for text in texts]
    for text, cleaned in zip(texts, alone, strict=True):
        assert cleaned.text.strip() or not text.strip(), text
        assert not any(mark.endswith("failed") for mark in cleaned.marks), text
        assert clean.clean(cleaned.text).text == cleaned.text, text
    column = clean.clean_column(pa.array(texts))
    assert column.texts.to_pylist() == [cleaned.text for cleaned in alone]
    assert dict(zip(column.rows.tolist(), column.results, strict=True)) == {
        row: cleaned for row, cleaned in enumerate(alone) if cleaned.changed or cleaned.marks
    }


def mixtures(count: int) -> list[str]:
    """Mails on top of each other, lines of all mails in any order, mails with a hole."""
    rng = random.Random(0)
    lines = [line for text in EVERY for line in text.split("\n")]
    made = []
    for _ in range(count):
        whole = rng.choice(EVERY)
        start, stop = sorted(rng.choices(range(len(whole) + 1), k=2))
        made += [
            "\n\n".join(rng.choices(EVERY, k=rng.randint(2, 4))),
            rng.choice(["\n", "\n\n", "\r\n", "<br>"]).join(rng.choices(lines, k=rng.randint(2, 12))),
            whole[:start] + whole[stop:],
        ]
    return made


@pytest.mark.parametrize(("kind", "unit"), [(kind, unit) for kind, units in PATTERNS.items() for unit in units])
def test_a_long_text_of_one_pattern_comes_to_an_end(kind: str, unit: str) -> None:
    text = unit * (200_000 // len(unit))
    assert cleaner(kind).clean(text).marks in ((), ("auto-reply",), ("bounce",))


@pytest.mark.parametrize(
    "deep", ["<div>" * 200_000 + "x</div>", "<ul><li>" * 100_000 + "x</ul>", "<p>a" * 1_200_000 + "</p>"]
)
def test_html_that_would_take_the_parser_too_long_stays(deep: str) -> None:
    assert cleaner("html").clean(deep).text == deep


def test_html_may_nest_deeper_than_python_can_call() -> None:
    text = "<div>" * 3_000 + "hello" + "</div>" * 3_000
    assert cleaner("html").clean(text).text == "hello"
