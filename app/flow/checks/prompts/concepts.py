"""Words of six languages for what menus lead to: that the choice `sales` is meant by "für den Vertrieb"."""

from __future__ import annotations

from functools import cache

from app.flow.phrases import fold

_CONCEPTS = """
sales: verkaufsabteilung verkaufs comerciales commerciali comerciais sales sale vertrieb verkauf ventes vente
    commercial commerciale ventas vendite vendas comercial
support: help helpdesk assistance assistenza assistência asistencia hilfe aide ayuda aiuto ajuda apoio hotline
    kundendienst kundenservice kundenbetreuung störung störungen support technical technik techniker technique
    dépannage soporte técnico tecnica tecnico técnica suporte technischer technische
billing: rechnungswesen abrechnung cobranza financeiro billing bill bills invoice invoices invoicing rechnung
    rechnungen facturation facture factures facturación factura facturas fatturazione fattura fatture
    faturação fatura faturas faturamento rechnungsfragen buchhaltung comptabilité contabilidad contabilità
    contabilidade accounting accounts
payment: payment payments pay zahlung zahlungen zahlen bezahlen paiement paiements payer pago pagos pagar
    pagamento pagamenti pagare pagamentos
order: order orders bestellung bestellungen bestellen commande commandes commander pedido pedidos ordine
    ordini ordinare encomenda encomendas encomendar
delivery: delivery deliveries shipping lieferung lieferungen versand livraison livraisons entrega entregas
    envío envíos consegna consegne spedizione spedizioni
appointment: visita appointment appointments termin termine terminvereinbarung rendez cita citas appuntamento
    appuntamenti consulta marcação marcações agendamento
booking: reservieren buchen booking bookings reservation reservations reserve reservierung reservierungen
    buchung buchungen réservation réservations réserver reserva reservas reservar prenotazione prenotazioni
    prenotare
hours: hours opening öffnungszeiten horaires horaire horario horarios orari orario horário horários
operator: agent agente agents conseiller conseillère mitarbeiter mitarbeiterin representative asesor
    consulente assistente operadores telefonista telefonzentrale vermittlung operator receptionist reception
    zentrale empfang rezeption standardiste standard accueil operador operadora recepción operatore centralino
    reception atendente recepção telefonist
complaint: complaint complaints beschwerde beschwerden reklamation reklamationen réclamation réclamations
    queja quejas reclamación reclamaciones reclamo reclami reclamação reclamações
careers: careers jobs vacancies karriere bewerbung bewerbungen recrutement emploi empleo carriere lavoro
    emprego recrutamento
voicemail: voicemail message nachricht mailbox messagerie buzón mensaje segreteria messaggio mensagem
repeat: repeat again wiederholen wiederholung nochmals répéter réécouter repetir repita ripetere riascoltare
    ouvir
english: english englisch anglais inglés inglese inglês
german: german deutsch allemand alemán tedesco alemão
french: french französisch français francés francese francês
spanish: spanish spanisch espagnol español spagnolo espanhol
italian: italian italienisch italien italiano
portuguese: portuguese portugiesisch portugais portugués portoghese português
yes: yes ja oui sí confirm confirmer bestätigen confirmar confermare
no: cancel stornieren absagen annuler cancelar annullare disdire
returns: returns return retoure retouren rücksendung retour retours devolución devoluciones reso resi
    devolução devoluções
repair: repair repairs reparatur reparaturen réparation réparations reparación reparaciones riparazione
    riparazioni reparação
claims: claim claims schaden schadensmeldung schadenmeldung sinistre sinistres siniestro siniestros sinistro
    sinistri sinistros
balance: balance kontostand guthaben solde saldo
emergency: emergency notfall notfälle urgence urgences urgencia urgencias emergenza emergenze emergência
    urgência
address: address directions adresse anfahrt wegbeschreibung dirección indirizzo endereço
"""


@cache
def _by_word() -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in _CONCEPTS.strip().splitlines():
        if ":" in line:
            name, _, line = line.partition(":")  # noqa: PLW2901 - what is left of it
        for word in line.split():
            found.setdefault(fold(word), name)
    return found


def concepts_in(words: str) -> frozenset[str]:
    """What a text of folded words is about."""
    by_word = _by_word()
    return frozenset(by_word[word] for word in words.split() if word in by_word)


def are_akin(words: str, others: str, letters: int) -> bool:
    """Whether a word of each of two folded texts begins with the same `letters`."""
    stems = {word[:letters] for word in words.split() if len(word) >= letters}
    return any(word[:letters] in stems for word in others.split() if len(word) >= letters)
