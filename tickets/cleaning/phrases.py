"""The words that mail programs and people write around a text, language by language. It does not know how they are
looked for.

Every entry is a piece of a regular expression for Python, without case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Phrases = Mapping[str, tuple[str, ...]]
"""Language → pieces of a regular expression."""

REGARDS: Final[Phrases] = {
    "en": (
        r"(?:with )?(?:my )?(?:best|kind|kindest|warm|warmest|many)(?: and (?:best|kind|warm))? (?:regards|wishes)",
        r"regards|best|all the best|br|rgds",
        r"(?:yours )?(?:sincerely|faithfully|truly|respectfully)(?: yours)?",
    ),
    "de": (
        r"(?:mit )?(?:den )?(?:(?:freundlich|best|herzlich|sch(?:ö|oe)n|lieb|viel)(?:e[nm]?|sten?)? )?"
        r"gr(?:u|ü|ue)(?:ß|ss)(?:en?)?(?: (?:aus|von|vom) \w+)?",
        r"hochachtungsvoll|mfg|lg|vg",
    ),
    "fr": (
        r"(?:bien )?cordialement|bien [àa] vous|cdlt",
        r"(?:meilleures |sinc[èe]res )?salutations(?: distingu[ée]es)?",
    ),
    "es": (r"(?:un )?(?:cordial )?saludos?(?: cordial(?:es)?)?|atentamente|atte",),
    "pt": (r"atenciosamente|att|(?:melhores |com os melhores )?cumprimentos|cordialmente|abra[çc]os?",),
    "it": (r"(?:cordiali |distinti |cari )?saluti",),
    "nl": (r"(?:met )?(?:vriendelijke?|hartelijke) groet(?:en)?|groet(?:en|jes)|mvg",),
    "sv": (r"(?:med )?v[äe]nliga? h[äi]lsning(?:ar)?|mvh",),
    "zh": (r"此致(?:敬礼)?|敬礼|祝好|[顺順]祝商祺|敬上",),
    "ja": (r"敬具|以上|(?:どうぞ)?(?:よろしく|宜しく)お?願い(?:いた|致)?し(?:ます|申し上げます)",),
}
"""Lines that close a mail, and nothing but a mail."""

THANKS: Final[Phrases] = {
    "en": (
        r"(?:many |kind )?thanks(?: (?:a lot|again|so much|in advance|and (?:best |kind )?regards))?|thx|cheers",
        r"thank you(?: (?:very much|so much|again|in advance))?",
    ),
    "de": (
        r"(?:vielen |besten |herzlichen )?dank(?: (?:im voraus|und gru(?:ß|ss)))?",
        r"danke(?: (?:sch(?:ö|oe)n|im voraus))?",
    ),
    "fr": (r"merci(?: (?:beaucoup|d['’]avance|par avance))?",),
    "es": (r"(?:muchas )?gracias(?: (?:de antemano|por adelantado))?",),
    "pt": (r"(?:muito )?obrigad[oa](?: desde j[áa])?",),
    "it": (r"grazie(?: (?:mille|in anticipo))?",),
    "nl": (r"(?:alvast )?(?:hartelijk )?(?:bedankt|dank(?: (?:je|u))?(?: wel)?)",),
    "zh": (r"(?:非常)?(?:谢谢|多谢|謝謝|感谢)",),
    "ja": (r"ありがとうございます",),
}
"""Lines that may close a mail, and may as well stand anywhere else."""

# What a device is called has closed words, so that a sentence that begins like it goes on being one.
_WORD: Final = (
    r"(?:i(?:phone|pad|os)|apple|android|samsung|galaxy|huawei|xiaomi|redmi|pixel|oneplus|nokia|blackberry|windows"
    r"|outlook|smartphone|mobile?|handy|phone|device|tablet|tel[eé]fono|celular|t[eé]l[eé]phone|m[oó]vil|e?-?mail|yahoo"
    r"|proton|gmx|web\.de|bluemail|spark|app|telefoon|cellulare|telem[oó]vel|ger(?:ä|ae)t|for|f(?:ü|ue)r|pour|para|per"
    r"|voor|on|secure|t-mobile|verizon|vodafone|wireless|lte|mini|pro|max|plus"
    r"|ultra|note|edge|[a-z]?[0-9]{1,3}[a-z]{0,2}|[-–])"
)
_DEVICE: Final = rf"{_WORD}(?:[ .]{_WORD}){{0,7}}"
MOBILE: Final[Phrases] = {
    "en": (
        rf"sent (?:from|via|with|using) (?:my |the |an? )?{_DEVICE}",
        r"get outlook for (?:ios|android).{0,60}",
    ),
    "de": (
        rf"(?:diese nachricht wurde )?(?:von|mit) (?:meine[mr] |der |dem )?{_DEVICE} (?:aus )?gesendet",
        rf"gesendet (?:von|mit|(?:ü|ue)ber) (?:meine[mr] |der |dem )?{_DEVICE}",
        r"outlook f(?:ü|ue)r (?:ios|android) (?:beziehen|herunterladen).{0,60}",
    ),
    "fr": (
        rf"envoy[ée] (?:de|depuis|[àa] partir de) (?:mon |l['’])?{_DEVICE}",
        r"(?:t[eé]l[eé]charge[rz]|obtenez) outlook pour (?:ios|android).{0,60}",
    ),
    "es": (rf"enviado desde (?:mi |el )?{_DEVICE}", r"obtener outlook para (?:ios|android).{0,60}"),
    "pt": (
        rf"enviad[oa] (?:do|da|pelo|a partir do) (?:meu |minha )?{_DEVICE}",
        r"obter o outlook para (?:ios|android).{0,60}",
    ),
    "it": (
        rf"inviato (?:da|dal|dalla|con) (?:mio |mia )?{_DEVICE}",
        r"(?:scarica|ottieni) outlook per (?:ios|android).{0,60}",
    ),
    "nl": (
        rf"(?:verstuurd|verzonden) (?:vanaf|via|met) (?:mijn )?{_DEVICE}",
        r"outlook voor (?:ios|android) downloaden.{0,60}",
    ),
    "zh": (
        rf"[发發]自(?:我的)? ?{_DEVICE}",
        rf"从(?:我的)? ?{_DEVICE} ?[发發]送",
        r"获取 ?outlook for (?:ios|android).{0,60}",
    ),
    "ja": (rf"(?:私の)?{_DEVICE} ?から送信(?:されました)?",),
}
"""Whole lines that a phone or a mail program adds."""

GREETINGS: Final[Phrases] = {
    "en": (r"hi|hello|hey|dear|good (?:morning|afternoon|evening|day)",),
    "de": (r"hallo|guten (?:tag|morgen|abend)|sehr geehrter?|liebe[rs]?|moin|servus",),
    "fr": (r"bonjour|bonsoir|salut|ch[èe]re?",),
    "es": (r"hola|buen[oa]s (?:d[íi]as|tardes|noches)|estimad[oa]s?",),
    "pt": (r"ol[áa]|oi|bom dia|boa (?:tarde|noite)|prezad[oa]s?|car[oa]s?",),
    "it": (r"ciao|salve|buon(?:giorno|asera)|gentil[ei]|egregi[oa]?",),
    "nl": (r"beste|geachte|goede(?:morgen|middag|navond|ndag)|dag",),
    "zh": (r"您好|你好|尊敬的",),
    "ja": (r"こんにちは|お世話に|拝啓",),
}
"""How a mail begins."""

WROTE: Final[Phrases] = {
    "en": (r"wrote|writes",),
    "de": (r"schrieb",),
    "fr": (r"a [ée]crit",),
    "es": (r"escribi[óo]",),
    "pt": (r"escreveu",),
    "it": (r"ha scritto",),
    "nl": (r"schreef",),
    "sv": (r"skrev",),
    "pl": (r"napisał(?:a|\(a\))?",),
    "ru": (r"написал(?:а|\(а\))?|пишет",),
    "zh": (r"写道|寫道",),
    "ja": (r"のメール|書きました",),
}
"""What the line above a quoted mail says of its writer."""

ORIGINAL: Final[Phrases] = {
    "en": (r"original (?:message|appointment)|reply message",),
    "de": (r"urspr(?:ü|ue)ngliche (?:nachricht|e-?mail)|original-?\s?nachricht",),
    "fr": (r"message d['’]origine|message original",),
    "es": (r"mensaje original",),
    "pt": (r"mensagem original",),
    "it": (r"messaggio originale",),
    "nl": (r"oorspronkelijk bericht",),
    "sv": (r"ursprungligt meddelande",),
    "zh": (r"原始邮件|原始郵件|原邮件|邮件原件",),
    "ja": (r"元のメッセージ|オリジナルメッセージ",),
}
"""What a line of dashes above a quoted mail says."""

FORWARDED: Final[Phrases] = {
    "en": (r"forwarded message|begin forwarded message",),
    "de": (r"(?:anfang der )?weitergeleiteten? (?:nachricht|e-?mail)",),
    "fr": (r"(?:d[ée]but du )?message (?:transf[ée]r[ée]|r[ée]exp[ée]di[ée])",),
    "es": (r"(?:inicio del )?mensaje reenviado",),
    "pt": (r"mensagem (?:encaminhada|reencaminhada)",),
    "it": (r"(?:inizio )?messaggio inoltrato",),
    "nl": (r"(?:begin )?doorgestuurd bericht",),
    "zh": (r"转发的?邮件|轉寄的?郵件",),
    "ja": (r"転送(?:された)?メッセージ",),
}
"""What stands above a mail that was passed on: it is what the sender wants to be read."""

HEADERS: Final[Mapping[str, str]] = {
    "from": r"from|von|de|da|van|fr[åa]n|od|от|发件人|寄件者|寄件人|差出人",
    "sent": r"sent|date|gesendet(?: am)?|datum|envoy[ée](?: le)?|enviad[oa](?: el| em)?|fecha|data|inviato|verzonden"
    r"|skickat|отправлено|发送时间|發送時間|日期|寄件日期|送信日時|日時",
    "to": r"to|an|[àa]|para|aan|till|til|кому|收件人|收件者|宛先",
    "subject": r"subject|betreff|objet|asunto|assunto|oggetto|onderwerp|[äa]mne|тема|主题|主題|主旨|件名",
    "other": r"cc|bcc|kopie|copie|importance|priorit(?:y|ät|é)|wichtigkeit|attachments?|anlagen?|抄送|reply-to"
    r"|antwort an",
}
"""The lines that a mail program writes above a quoted mail, by what they name."""

POINTING_BELOW: Final[Phrases] = {
    "en": (
        r"in-?line|see below",
        r"(?:answers?|comments?|repl(?:y|ies)|response|notes?|thread|mail|message) (?:are |is )?below",
        r"below in (?:red|blue|green|bold)|in (?:red|blue|green) below",
        r"fyi|for your info|forward(?:ed|ing)?",
        r"passing (?:this )?on",
    ),
    "de": (r"siehe unten|s\. ?u\.|unten (?:in rot|stehend)|im text|untenstehend|weiterleit\w*|zur info|z\. ?k\.",),
    "fr": (r"ci-dessous|plus bas|dans le texte|pour info(?:rmation)?|transf[èe]re|transmets",),
    "es": (r"m[áa]s abajo|abajo|a continuaci[óo]n|reenv[íi]o|para su informaci[óo]n",),
    "pt": (r"abaixo|a seguir|encaminho|reencaminho|para (?:sua )?informa[çc][ãa]o",),
    "it": (r"di seguito|qui sotto|sotto riportat\w|inoltro|per conoscenza",),
    "nl": (r"hieronder|zie onder|onderstaand\w*|doorgestuurd|ter info(?:rmatie)?",),
    "zh": (r"如下|下面|转发|轉寄|仅供参考",),
    "ja": (r"下記|以下|転送",),
}
"""Words that send the reader on to the mail below: what stands there is meant to be read."""
