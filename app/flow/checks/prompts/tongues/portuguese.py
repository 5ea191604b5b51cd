"""Portuguese."""

from __future__ import annotations

from app.flow.checks.prompts.tongues.tongue import Tongue

PORTUGUESE = Tongue(
    code="pt",
    shown="Portuguese",
    example="pt-PT",
    press="prima primir primindo pressione pressiona pressionar pressionando aperte aperta apertar apertando digite"
    " digita digitar digitando tecle tecla teclar teclando carregue carregar marque marcar disque discar",
    dial="selecione seleccione selecionar escolha escolher introduza insira use utilize ligue",
    say="diga fale dizer",
    numbers="zero um dois três quatro cinco seis sete oito nove",
    star="asterisco estrela",
    hash="hashtag velha",
    near_hash="cardinal sustenido quadrado",
    nouns="tecla teclas opção opções botão",
    fillers="o a os as tecla teclas número opção botão dígito ou diga agora por favor simplesmente no na em seu"
    " telefone teclado jogo da de do entre um uma novamente nas nos",
    purpose="para se quando",
    behind="agora no na por seguido seguida do da",
    joints="e ou",
    until="a ao até",
    ago="de das às as até desde entre cerca mais menos ramal extensão quarto linha dos",
    units="números caracteres letras hora horas minuto minutos segundo segundos dia dias semana semanas mês meses"
    " ano anos euro euros real reais centavos cêntimos cento vezes vez pessoas pessoa dígito dígitos algarismos"
    " chamadas estrelas quilómetros crianças adultos janeiro fevereiro março abril maio junho julho agosto"
    " setembro outubro novembro dezembro",
    digits="dígito dígitos algarismo algarismos",
    most="máximo",
    least="menos",
    followed="seguido seguida seguidos seguidas terminando termine finalize terminar depois final",
    entering="introduza insira digite digita indique marque tecle diga informe prima introduzir inserir",
    negations="não sem nenhum nenhuma",
    examples="exemplo",
    common="o a os as um uma do da dos das e ou que em no na nos nas de por para com seu sua se é são não mais você"
    " ao à pelo pela nosso nossa este esta está como",
    marks="desculpe mensagem sinal deixe escritório encerrado linha percebi resposta escolha válida momento tente"
    " atendê obrigada pedimos lamentamos transferir prima pressione digite tecle obrigado bem vindo vinda você"
    " não são com falar nosso nossa uma ligação chamada opção olá bom aguarde deseja em ou do dos das os seu"
    " sua informações até logo",
)
