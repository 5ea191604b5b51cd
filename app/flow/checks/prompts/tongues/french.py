"""French."""

from __future__ import annotations

from app.flow.checks.prompts.tongues.tongue import Tongue

FRENCH = Tongue(
    code="fr",
    shown="French",
    example="fr-FR",
    press="appuyez appuyer appuie appuyant tapez taper tape tapant pressez presser pressant enfoncez",
    dial="faites fais faire composez composer compose sélectionnez sélectionner choisissez choisir saisissez entrez"
    " utilisez actionnez",
    say="dites dis dire",
    numbers="zéro un deux trois quatre cinq six sept huit neuf",
    star="étoile astérisque",
    hash="dièse hashtag",
    near_hash="carré croisillon",
    nouns="touche touches bouton option choix",
    fillers="sur le la les l touche touches chiffre numéro bouton option choix maintenant simplement ou dites soit"
    " puis de votre téléphone clavier d entre un une du des tout s il vous plaît à nouveau",
    purpose="pour si afin lorsque",
    behind="maintenant à de du sur svp s puis suivi",
    joints="et ou",
    until="à a",
    ago="de à dès depuis vers entre environ poste ligne chambre avant après plus",
    units="numéros caractères lettres heure heures h minute minutes seconde secondes jour jours semaine semaines"
    " mois an ans année années euro euros centimes cent fois personnes personne chiffre chiffres appel appels"
    " étoiles kilomètres enfants adultes janvier février mars avril mai juin juillet août septembre octobre"
    " novembre décembre",
    digits="chiffre chiffres",
    most="maximum",
    least="moins",
    followed="suivi suivie suivis suivies terminez terminer validez valider terminant terminé finissez fin validant",
    entering="saisissez saisir entrez entrer composez composer tapez taper donnez dites indiquez"
    " renseignez communiquer",
    negations="pas sans aucun ne",
    examples="exemple",
    common="le la les un une des du de et ou vous votre vos nous notre nos est sont pour sur dans par avec si ce"
    " cette que qui pas ne plus au aux en à être avoir service bien",
    marks="appel laissez bip fermé fermés bureaux patientez désolé désolés choix valable compris mettons relation"
    " conseiller actuellement rappeler appuyez tapez bienvenue bonjour merci veuillez vous votre nous souhaitez"
    " êtes avez pour sur avec pas cette composez faites revoir est les des aux",
)
