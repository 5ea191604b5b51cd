"""German."""

from __future__ import annotations

from app.flow.checks.prompts.tongues.tongue import Tongue

GERMAN = Tongue(
    code="de",
    shown="German",
    example="de-DE",
    press="drücken drücke drück drückt drueck druecken druecke betätigen betaetigen tippen tippe tipp",
    dial="wählen wähle wähl waehlen waehle geben gib nutzen benutzen verwenden",
    say="sagen sage sag sagt",
    numbers="null eins zwei/zwo drei vier fünf/fuenf sechs sieben acht neun",
    star="stern sterntaste sternchen sternchentaste asterisk",
    hash="raute rautetaste rautezeichen rautentaste doppelkreuz hash hashtag hashtaste",
    near_hash="gartenzaun",
    nouns="taste tasten ziffer zahl option",
    fillers="sie bitte die den das der einfach jetzt nun dann taste tasten ziffer zahl nummer option oder sagen auf"
    " ihrem ihrer telefon telefontastatur tastatur erneut wieder entweder ein eine von zwischen mit über",
    purpose="für fuer um wenn falls zu zum zur sofern bei",
    behind="jetzt auf drücken druecken wählen waehlen eingeben betätigen tippen ein erneut bitte gelangen erreichen"
    " kommen hören erhalten werden können koennen sprechen verbinden verbindet starten haben sie gefolgt",
    joints="und oder beziehungsweise bzw",
    until="bis",
    ago="von ab bis um seit gegen vor nach rund etwa circa über zwischen mindestens apparat durchwahl zimmer linie",
    units="zahlen buchstaben möglichkeiten uhr stunde stunden minute minuten sekunde sekunden tag tage tagen woche"
    " wochen monat monate monaten jahr jahre jahren prozent cent euro euros mal personen person stellig"
    " stellige stelligen stelliger ziffern stellen anrufer werktage werktagen werktags sterne kinder erwachsene"
    " kilometer zeichen januar februar märz april mai juni juli august september oktober november dezember",
    digits="ziffer ziffern stellen stellig stellige stelligen stelliger stelliges stelligem",
    most="maximal höchstens",
    least="mindestens",
    followed="gefolgt gefolgter abschließend abschließen beenden bestätigen anschließend bestätigung danach abschluss"
    " ende",
    entering="geben gib eingeben tippen wählen nennen sagen drücken teilen eingabe",
    negations="nicht kein keine keinen ohne",
    examples="beispiel beispielsweise etwa",
    common="der die das den dem des und oder sie ihre ihr ihren ihrer ihrem ist sind wir uns unser unsere für mit"
    " nicht ein eine einen einem einer zu zur zum von im in auf bei wenn haben möchten werden wird können bitte"
    " drücken auch nach noch aus an es sich wie unter über ich",
    marks="spiele verbunden verbinden nachricht signalton hinterlassen geschlossen büro auswahl ungültig verstanden"
    " moment geduld derzeit tut uns leid gleich warten drücken drücke wählen bitte willkommen danke guten dank"
    " wir für nicht möchten können ihre ihren sie und oder hören anruf wiederhören leider geben",
    final="drücken druecken wählen waehlen eingeben betätigen betaetigen tippen drücke tasten",
    by="mit über ueber unter durch",
)
