"""What confidentiality notices and gateway banners say, written as in `phrases.py`. It does not know other words."""

from __future__ import annotations

from typing import Final

from tickets.cleaning.phrases import Phrases

NOTICES: Final[Phrases] = {
    "en": (
        r"confidential|legally privileged|privileged (?:and|information)",
        r"intended (?:only|solely|exclusively)|intended for the|(?:intended|named) (?:recipient|addressee)|addressee",
        r"(?:received|receive|sent to you) (?:this |it )?(?:[\w-]+ ){0,4}(?:in error|by mistake)",
        r"(?:notify|contact|inform|advise) (?:the |us|me)(?:sender)?|(?:delete|destroy) (?:it|this|the|all|any)",
        r"unauthori[sz]ed|strictly prohibited|disclosure|dissemination|distribut(?:e|ion)|copying|reliance",
        r"virus",
        r"liability|(?:views|opinions) (?:expressed|presented)",
    ),
    "de": (
        r"vertraulich|rechtlich gesch(?:ü|ue)tzt",
        r"(?:bestimmungsgem(?:ä|ae)(?:ß|ss)er?|richtige[rn]?|vorgesehene[rn]?) (?:adressat|empf(?:ä|ae)nger)\w*",
        r"irrt(?:ü|ue)mlich|versehentlich",
        r"(?:informieren|benachrichtigen) sie|vernichten sie|l(?:ö|oe)schen sie|zu l(?:ö|oe)schen",
        r"unerlaubte[sn]?|unbefugte|nicht gestattet|weitergabe|virus|viren|haftung",
    ),
    "fr": (
        r"confidentiel|strictement r[ée]serv[ée]",
        r"destinataire|[àa] l['’](?:attention|usage) exclusi\w+|exclusivement destin\w+",
        r"par erreur",
        r"(?:avertir|aviser|informer|pr[ée]venir) (?:imm[ée]diatement )?l['’]exp[ée]diteur|d[ée]truire|supprimer",
        r"interdite?|diffusion|divulgation|virus|responsabilit[ée]",
    ),
    "es": (
        r"confidencial|privilegiad[oa]",
        r"destinatari[oa]|dirigid[oa] exclusivamente|uso exclusivo",
        r"por error",
        r"notif[íi]que\w*|comun[íi]que\w*|elim[íi]ne\w*|b[óo]rre\w*|destru(?:ya|ir|irlo)",
        r"prohibid[oa]|divulgaci[óo]n|difusi[óo]n|virus",
    ),
    "pt": (
        r"confidencia(?:l|is)|privilegiad[oa]s?",
        r"destinat[áa]rio|uso exclusivo|exclusivamente",
        r"por engano|indevidamente",
        r"(?:avise|notifique|comunique|informe) (?:imediatamente )?o? ?(?:ao )?remetente|elimine|apague|destrua",
        r"proibid[oa]|divulga[çc][ãa]o|v[íi]rus",
    ),
    "it": (
        r"riservat[oaei]|confidenzial[ei]",
        r"destinatari[oa]|uso esclusivo|esclusivamente",
        r"per errore",
        r"(?:informare|avvisare|comunicarlo|darcene)|distrugger\w+|cancellar\w+|eliminar\w+",
        r"vietat[oa]|divulgazione|diffusione|virus|d\. ?lgs|gdpr",
    ),
    "nl": (
        r"vertrouwelijk",
        r"geadresseerde|uitsluitend bestemd|bestemd voor",
        r"abusievelijk|ten onrechte|per vergissing",
        r"(?:stel|breng|waarschuw|informeer)\w* (?:de |dan )?(?:afzender|ons)|afzender|vernietig\w*|verwijder\w*",
        r"verboden|niet toegestaan|openbaarmaking|verspreiding|virus\w*|aansprakelijk\w*",
    ),
    "zh": (
        r"保密|机密|機密",
        r"收件人|指定",
        r"误收|錯誤收到|错误地?收到|并非",
        r"删除|刪除|销毁|通知(?:发件人|寄件人)",
        r"严禁|禁止|未经授权",
    ),
    "ja": (
        r"機密|秘密",
        r"宛先|受信者|名宛人",
        r"誤って|誤送信|誤受信",
        r"削除|破棄|ご(?:連絡|一報)",
        r"禁止|禁じ|無断",
    ),
}
"""What confidentiality notices say; each entry is one of the things they say."""

NOTICE_STARTS: Final[Phrases] = {
    "en": (
        r"(?:confidential(?:ity)?|legal|e-?mail|important|privacy)? ?(?:notice|disclaimer|note)",
        r"(?:this|the) (?:e-?mail|message|communication|transmission|information|content|contents|electronic)",
        r"the information (?:contained|in this)|if you (?:are not|have received)|privileged|confidential",
    ),
    "de": (
        r"(?:diese|die in dieser|der inhalt dieser) (?:e-?mail|nachricht|mail|enthaltenen)",
        r"vertraulichkeitshinweis|haftungsausschluss|disclaimer|wichtiger hinweis|sollten sie (?:nicht|diese)",
    ),
    "fr": (
        r"(?:ce|cet|ce présent|le présent|les informations contenues dans ce) (?:message|e-?mail|courriel|courrier)",
        r"avertissement|avis de confidentialit[ée]",
    ),
    "es": (
        r"(?:este|el presente|la informaci[óo]n contenida en este) (?:mensaje|correo|e-?mail)",
        r"aviso (?:legal|de confidencialidad)",
    ),
    "pt": (
        r"(?:esta|este|a presente|as informa[çc][õo]es contidas nesta) (?:mensagem|e-?mail|correio)",
        r"aviso (?:legal|de confidencialidade)",
    ),
    "it": (
        r"(?:quest[ao]|il presente|la presente|le informazioni contenute in) (?:messaggio|e-?mail|comunicazione|mail)",
        r"avviso di riservatezza|avvertenza",
    ),
    "nl": (
        r"(?:dit|deze|de informatie in (?:dit|deze)|de inhoud van (?:dit|deze)) (?:e-?mail\w*|bericht|mail)",
        r"disclaimer",
    ),
    "zh": (r"(?:本|此|该)(?:邮件|郵件|电子邮件|電子郵件|信息)|保密(?:声明|提示)|免责声明",),
    "ja": (r"(?:本|この|当)(?:メール|電子メール|メッセージ)|【?(?:機密|免責)",),
}
"""How the first line of a notice begins."""

SINGLE_NOTICES: Final[Phrases] = {
    "en": (
        r"please consider the environment before printing|think before you print",
        r"save (?:paper|a tree)[ ,.!-]+(?:think|consider|do not|don['’]t)",
        r"this (?:e-?mail|message) (?:originated|came|was sent|is) from (?:an )?(?:external|outside)",
        r"this is an external (?:e-?mail|message)|\[external[^\]]{0,20}\][ *]*$|you don['’]t often get e-?mail from",
        r"this e-?mail (?:has been|was) (?:scanned|checked) (?:for|by)|virus-free\.? ?www",
    ),
    "de": (
        r"(?:bitte )?(?:denken|pr(?:ü|ue)fen) sie (?:an die umwelt|vor dem ausdruck|der umwelt zuliebe)",
        r"diese e-?mail (?:stammt|kommt) von (?:einem externen|au(?:ß|ss)erhalb)|externe e-?mail:",
        r"diese e-?mail wurde von avast",
    ),
    "fr": (
        r"pensez (?:à l['’]environnement|avant d['’]imprimer)",
        r"ce (?:message|courriel) (?:provient|vient) de l['’]ext[ée]rieur",
    ),
    "es": (
        r"piense en el medio ?ambiente antes de imprimir",
        r"este correo (?:proviene|se origin[óo]) (?:de )?(?:fuera|externo)",
    ),
    "pt": (
        r"pense no (?:meio )?ambiente antes de imprimir|este e-?mail (?:foi enviado|veio|teve origem) (?:de )?fora",
    ),
    "it": (r"prima di stampare[^.]{0,40} ambiente|(?:messaggio|e-?mail) proveniente dall['’]esterno",),
    "nl": (r"denk aan het milieu|deze e-?mail (?:komt|is afkomstig) van buiten",),
}
"""What makes a paragraph a notice or a gateway's banner by itself."""

BANNER_SENTENCES: Final[Phrases] = {
    "en": (
        r"(?:please )?(?:do not|don['’]t|never) (?:click|open|follow|reply|respond|download|forward)",
        r"(?:please )?(?:be careful|be cautious|use caution|exercise caution|think before)|learn why this is important",
    ),
    "de": (r"(?:bitte )?(?:klicken sie|(?:ö|oe)ffnen sie (?:keine|nur)|seien sie vorsichtig)",),
    "fr": (r"ne cliquez pas|n['’]ouvrez pas|soyez prudents?",),
    "es": (r"no haga clic|no abra|tenga cuidado",),
    "pt": (r"n[ãa]o clique|n[ãa]o abra",),
    "it": (r"non cliccare|non aprire|prestare attenzione",),
    "nl": (r"klik niet|open geen|wees voorzichtig",),
}
"""How the further sentences of such a banner begin."""
