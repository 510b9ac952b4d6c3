"""What automatic replies and delivery failures say, written as in `phrases.py`. It does not know other words."""

from __future__ import annotations

from typing import Final

from tickets.cleaning.phrases import Phrases

AUTO_SUBJECTS: Final[Phrases] = {
    "en": (
        r"automatic reply|auto(?:mated)?[ -]?(?:reply|response)|out[ -]of[ -](?:the[ -])?office(?: auto ?reply)?|ooo",
    ),
    "de": (
        r"automatische (?:antwort|r(?:ü|ue)ckantwort)|abwesenheits(?:notiz|nachricht|meldung)|abwesenheit|autoantwort",
    ),
    "fr": (r"r[ée]ponse automatique|absen(?:t|ce) du bureau|message d['’]absence",),
    "es": (r"respuesta autom[áa]tica|fuera de (?:la )?oficina",),
    "pt": (r"resposta autom[áa]tica|fora do escrit[óo]rio|aus[êe]ncia tempor[áa]ria",),
    "it": (r"risposta automatica|fuori (?:sede|ufficio)",),
    "nl": (r"automatisch antwoord|afwezig(?:heid)?|niet op kantoor",),
    "zh": (r"自动(?:回复|答复)|自動(?:回覆|回復)",),
    "ja": (r"自動(?:応答|返信)|不在通知",),
}
"""How the subject of an automatic reply begins, up to its colon."""

ABSENT: Final[Phrases] = {
    "en": (
        r"i(?: am|['’]m| will be) (?:currently |presently )?(?:out of (?:the )?office|away)",
        r"i(?: am|['’]m| will be) (?:currently )?on (?:annual |parental |sick )?(?:leave|vacation|holiday)",
    ),
    "de": (r"ich bin (?:[\w.,]+ ){0,8}(?:nicht (?:im b(?:ü|ue)ro|erreichbar)|abwesend|au(?:ß|ss)er haus|im urlaub)",),
    "fr": (r"je (?:suis|serai) (?:actuellement )?(?:absente?|en cong[ée]s?|hors du bureau)",),
    "es": (r"(?:estoy|estar[ée]|me encuentro) (?:actualmente )?(?:fuera de (?:la )?oficina|ausente|de vacaciones)",),
    "pt": (
        r"(?:estou|estarei|encontro-me) (?:atualmente )?(?:fora do escrit[óo]rio|ausente|de f[ée]rias|em f[ée]rias)",
    ),
    "it": (r"(?:sono|sar[òo]) (?:attualmente )?(?:fuori (?:sede|ufficio)|assente|in ferie)",),
    "nl": (r"ik ben (?:[\w.,]+ ){0,6}(?:afwezig|niet (?:op kantoor|aanwezig|bereikbaar)|met (?:vakantie|verlof))",),
    "zh": (r"我(?:目前|现在|正在)?(?:不在办公室|休假|外出|出差)",),
    "ja": (r"不在[にと](?:して(?:おります|います)|なります)|休暇(?:中|をいただ)",),
}
"""What somebody who is away says; a person may say it too, so it takes one of `ABSENCE_DETAILS` beside it."""

ABSENCE_DETAILS: Final[Phrases] = {
    "en": (
        r"thank you for your (?:e-?mail|message)|(?:will |i )return|be back|limited access",
        r"urgent (?:matters|issues|cases)|in my absence|as soon as i",
    ),
    "de": (
        r"danke f(?:ü|ue)r ihre (?:e-?mail|nachricht)|(?:ab|bis) (?:dem|zum)? ?[0-9]|dringenden|vertretung",
        r"nicht weitergeleitet|nach meiner r(?:ü|ue)ckkehr",
    ),
    "fr": (
        r"merci (?:de|pour) votre (?:message|e-?mail|mail)|de retour|en cas d['’]urgence|[àa] mon retour",
        r"mon absence|jusqu['’]au",
    ),
    "es": (r"gracias por su (?:mensaje|correo)|urgen(?:te|cia)|mi regreso|mi ausencia|hasta el|volver[ée]",),
    "pt": (
        r"obrigad[oa] (?:pela|pelo) s(?:ua|eu) (?:mensagem|e-?mail|contato|contacto)|urgen(?:te|cia|ência)",
        r"meu retorno|regresso|at[ée] (?:o )?dia",
    ),
    "it": (
        r"grazie per (?:il|la) (?:suo|sua|tuo|tua|vostro|vostra)|urgen(?:te|ti|za|ze)|mio rientro|rientrer[òo]|fino al",
    ),
    "nl": (
        r"bedankt voor (?:uw|je) (?:e-?mail|bericht)|dringend\w*|spoed|tot en met|terug op|mijn afwezigheid",
        r"weer aanwezig",
    ),
    "zh": (r"紧急|感谢您的(?:来信|邮件)|返回|回来|期间",),
    "ja": (r"緊急|お急ぎ|まで|以降|戻り",),
}
"""What such a message says besides."""

AUTO_BODIES: Final[Phrases] = {
    "en": (
        r"this is an? (?:automat(?:ed|ic)(?:ally generated)?|auto-?generated) (?:e-?mail )?(?:reply|response|answer)",
    ),
    "de": (r"dies ist eine automatisch(?:e| erstellte| generierte| erzeugte) (?:antwort|eingangsbest(?:ä|ae)tigung)",),
    "fr": (r"ceci est une r[ée]ponse automatique",),
    "es": (r"est[ae] es una respuesta autom[áa]tica",),
    "pt": (r"est[ae] [ée] uma resposta autom[áa]tica",),
    "it": (r"(?:questa [èe]|si tratta di) una risposta automatica",),
    "nl": (r"dit is een automatisch (?:antwoord|gegenereerd(?:e)? (?:antwoord|reactie))",),
    "zh": (r"(?:这|此|本)(?:是|邮件[是为])(?:一封)?(?:系统)?自动(?:回复|答复)",),
    "ja": (r"(?:この|本)メールは[、,]?(?:システム)?自動(?:応答|返信|で(?:送信|配信))",),
}
"""What an automatic reply says of itself."""

BOUNCES: Final[Phrases] = {
    "en": (
        r"undeliver(?:able|ed)(?: mail| message)?(?: returned to sender)?|delivery status notification",
        r"mail delivery (?:failed|failure|subsystem|system)",
        r"returned mail|failure notice|message not delivered|address not found|delivery has failed to these recipients",
        r"your message (?:to [^ ]{1,80} )?(?:was(?:n['’]t| not) delivered|c(?:an|ould)(?:n['’]t| ?not) be delivered)",
        r"this is the mail (?:system|delivery) |(?:this message was created automatically by mail delivery software)",
        r"the (?:following )?message (?:to [^ ]{1,80} )?(?:was|is) undeliverable",
        r"delivery to the following recipients? failed|message blocked",
    ),
    "de": (
        r"unzustellbar",
        r"(?:die|ihre) (?:nachricht|e-?mail) (?:[^ ]{1,60} ){0,6}nicht (?:zugestellt|[üu]bermittelt)",
        r"fehler bei der nachrichtenzustellung",
    ),
    "fr": (
        r"non remis|[ée]chec de la remise|non distribuable|message non (?:distribu[ée]|remis|d[ée]livr[ée])",
        r"notification d['’][ée]tat de remise",
    ),
    "es": (
        r"no se puede entregar|no se pudo entregar|error en la entrega|mensaje no entregado",
        r"notificaci[óo]n de estado de entrega",
    ),
    "pt": (
        r"n[ãa]o (?:é|foi) poss[íi]vel entregar|falha na entrega|n[ãa]o entregue",
        r"notifica[çc][ãa]o do? (?:status|estado) de entrega",
    ),
    "it": (
        r"impossibile recapitare|non recapitabile|mancato recapito|messaggio non recapitato",
        r"notifica sullo stato del recapito",
    ),
    "nl": (r"onbestelbaar|kan niet worden (?:bezorgd|afgeleverd)|niet (?:bezorgd|afgeleverd)",),
    "zh": (r"无法(?:投递|送达)|未(?:送达|能送达)|退信|投递失败|郵件無法傳遞|传递失败",),
    "ja": (r"配信(?:不能|できません|に失敗)|未配信|配達(?:不能|できません)|送信できませんでした",),
}
"""How a delivery failure begins."""
