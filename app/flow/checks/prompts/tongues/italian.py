"""Italian."""

from __future__ import annotations

from app.flow.checks.prompts.tongues.tongue import Tongue

ITALIAN = Tongue(
    code="it",
    shown="Italian",
    example="it-IT",
    press="premi prema premere premete premendo schiacci schiaccia schiacciare digiti digita digitare digitate"
    " digitando pigi",
    dial="selezioni seleziona selezionare scelga scegli scegliere componga comporre inserisca usi utilizzi",
    say="dica dite dire pronunci",
    numbers="zero uno due tre quattro cinque sei sette otto nove",
    star="asterisco stella stelletta",
    hash="cancelletto hashtag diesis",
    near_hash="quadratino",
    nouns="tasto tasti opzione opzioni pulsante",
    fillers="il l lo la i tasto tasti numero cifra opzione pulsante o dica ora adesso per favore semplicemente sul suo"
    " telefono tastiera di un una nuovamente tra fra da dal oppure",
    purpose="per se quando",
    behind="ora adesso sulla sul di seguito",
    joints="e o oppure ed",
    until="a al",
    ago="dalle alle dal al da entro dopo prima circa tra fra interno linea camera le ore oltre",
    units="numeri caratteri lettere ore minuto minuti secondo secondi giorno giorni settimana settimane mese mesi"
    " anno anni euro centesimi cento volte volta persone persona cifra cifre chiamate stelle chilometri bambini"
    " adulti gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    digits="cifra cifre",
    most="massimo",
    least="almeno",
    followed="seguito seguita seguite seguiti terminando termini concluda terminare confermi confermare",
    entering="inserisca inserisci inserire digiti digita digitare componga indichi dica prema immetta inserite",
    negations="non senza nessun",
    examples="esempio",
    common="il lo la i gli le un una di del della dei delle e o che in con per su si è sono se non più al alla nel"
    " nella dal dalla suo sua nostro nostra lei ci da questo questa",
    marks="spiacenti scelta valida messaggio segnale lasci lasciate uffici chiusi attendere linea capito riprovi"
    " momento operatori siamo vostra suo per favore mettiamo prema premi premere digiti digita benvenuti"
    " benvenuto grazie buongiorno buonasera desidera gli della delle degli nostro nostra chiamata parlare il di"
    " attenda oppure sono nel alla con che",
)
