"""Spanish."""

from __future__ import annotations

from app.flow.checks.prompts.tongues.tongue import Tongue

SPANISH = Tongue(
    code="es",
    shown="Spanish",
    example="es-ES",
    press="toque toca tocar pulse pulsa pulsar pulsando pulsad oprima oprime oprimir oprimiendo presione presiona"
    " presionar presionando apriete aprieta apretar teclee teclea teclear digite digita digitar digitando"
    " marque marca marcar marcando",
    dial="elija elige elegir seleccione selecciona seleccionar escoja ingrese ingresa introduzca use utilice",
    say="diga di decir",
    numbers="cero uno dos tres cuatro cinco seis siete ocho nueve",
    star="asterisco estrella",
    hash="almohadilla hashtag",
    near_hash="numeral gato cuadradillo michi",
    nouns="tecla teclas opción opciones botón",
    fillers="el la los las tecla teclas número opción botón dígito o diga u ahora por favor simplemente en su teléfono"
    " teclado signo de entre un una del nuevamente ya bien",
    purpose="para si cuando",
    behind="ahora en de del por seguido seguida",
    joints="y o u e",
    until="a al hasta",
    ago="de desde a las hasta entre sobre unos unas más menos extensión interno habitación línea",
    units="números caracteres letras hora horas minuto minutos segundo segundos día días semana semanas mes meses"
    " año años euro euros peso pesos dólar dólares céntimos centavos ciento veces vez personas persona dígito"
    " dígitos cifras llamadas estrellas kilómetros niños adultos enero febrero marzo abril mayo junio julio"
    " agosto septiembre octubre noviembre diciembre",
    digits="dígito dígitos cifra cifras",
    most="máximo",
    least="menos",
    followed="seguido seguida seguidos seguidas terminando termine finalice finalizar terminar después final",
    entering="introduzca introduce ingrese ingresa marque marca teclee teclea digite digita indique diga pulse escriba"
    " introducir ingresar",
    negations="no sin ningún ninguna",
    examples="ejemplo",
    common="el la los las un una del al y o que en de por para con su sus se es son si más usted nos nuestro nuestra"
    " nuestros le lo esta este ha está no como",
    marks="mensaje tono deje cerrado cerrada horario línea entendido válida lo siento atenderemos breve momento"
    " nuestras llame usted buenas tardes pulse marque oprima presione gracias bienvenido bienvenida bienvenidos"
    " hola desea llamar hablar nuestro nuestra nuestros el los las del una y con opción siguiente llamada adiós"
    " espere buenos días",
)
