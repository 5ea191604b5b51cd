"""Rules of the flow language: expressions, templates and the types of values."""

from __future__ import annotations

from app.flow.rules.rule import Rule

EXPRESSION_RULES: tuple[Rule, ...] = (
    Rule(
        "E301",
        "error",
        "an expression cannot be read",
        'write it like: input.digits == "1" and not call.from_user == ""',
    ),
    Rule("E302", "error", "another language's spelling", "write ==, !=, and, or, not, in"),
    Rule("E303", "error", "an unknown name", "names are: call, input, env, now, locale and the variables of `vars`"),
    Rule("E304", "error", "an unknown field", "write a field that the name has"),
    Rule("E305", "error", "an unknown filter", "write one of the listed filters"),
    Rule("E306", "error", "a filter that does not take this", "give the filter what it takes"),
    Rule("E307", "error", "values of different types compared", "compare text with text and numbers with numbers"),
    Rule("E308", "error", "an operator that does not take these types", "use it with the types that it takes"),
    Rule("E309", "error", "a test that is neither true nor false", 'compare it with something: name == "value"'),
    Rule(
        "E310",
        "error",
        "something that expressions do not have",
        "use names, literals, comparison, and, or, not, in, +, - and filters",
    ),
    Rule(
        "E311",
        "error",
        "an expression or a template that is too long or too deep",
        "split it: `set` a variable first, or use steps with `branch`",
    ),
    Rule("E312", "error", "braces in an expression", "write the names without braces"),
    Rule(
        "E313",
        "error",
        "a value that does not fit its type",
        "write a value of the type, or compute it in braces: {{ ... }}",
    ),
    Rule("E314", "error", "a word that is never one of the allowed ones", "write one of the allowed words"),
    Rule(
        "E320",
        "error",
        "braces that cannot be read",
        "write values as {{ name }} and tests as {% if test %} ... {% endif %}",
    ),
    Rule(
        "E321",
        "error",
        "a tag that is not available",
        "available are if, elif, else, endif, for, endfor, set, include, raw, endraw",
    ),
    Rule("E322", "error", "a tag without its partner", "close every if with endif and every for with endfor"),
    Rule("E323", "error", "an unknown template file", "write the name of a file in templates/"),
    Rule(
        "E324",
        "error",
        "template files that include each other",
        "break the circle: move the common part to a file of its own",
    ),
    Rule("E325", "error", "a name that a template may not set", "choose a name of its own"),
    Rule("E330", "error", "a setting of the server said to a caller", "leave it out: `env` holds keys and addresses"),
    Rule(
        "E331",
        "error",
        "a sensitive variable in what is sent or said",
        "leave it out, or take `sensitive` off the variable",
    ),
    Rule(
        "E332",
        "error",
        "a caller's value decides where a URL leads",
        "write the host in the flow, or take it from `env`",
    ),
    Rule("E333", "error", "a value within an SSML tag", "put it between tags, or in the quotes of an attribute"),
    Rule("E334", "error", "a text outside of JSON's quotes", 'put quotes around the braces: "{{ ... }}"'),
    Rule("E335", "error", "branches that leave quotes, tags or a URL open differently", "write every branch complete"),
    Rule(
        "E336",
        "error",
        "a list, a map or a point in time as text",
        "name an entry, say a list with | list and a point in time with | spoken, or loop over the list",
    ),
    Rule(
        "E340",
        "error",
        "a way of speaking that is not known",
        "write one of the forms that the filter has",
    ),
    Rule(
        "E341",
        "error",
        "a way of speaking that does not fit the value",
        "say a number alone or as an amount of money, a point in time as date, day, time or weekday",
    ),
    Rule("E342", "error", "an unknown time zone", 'write continent and city, such as "Europe/London"'),
    Rule(
        "E343",
        "error",
        "a key that its list or map does not take",
        "name an entry of a list by a whole number, an entry of a map by a text",
    ),
    Rule("W301", "warning", "a phone number that is never so written", "write digits only, with the country code"),
    Rule(
        "W302", "warning", "a setting that this server does not have", "set it in the environment with the prefix FLOW_"
    ),
    Rule("W303", "warning", "braces that are said as they are", "write two: {{ ... }}"),
    Rule("W304", "warning", "a default that is never used", 'to replace an empty text, write | default("...", true)'),
)
"""Found when flow files are loaded. `RENDER_RULES` are broken by the values of a running call."""

RENDER_RULES: tuple[Rule, ...] = (
    Rule("E391", "error", "a value that this call does not have", "let | default(...) say what holds without it"),
    Rule(
        "E392",
        "error",
        "a computed value that does not fit its type",
        "test it before, or let the `error` exit take it",
    ),
    Rule(
        "E393",
        "error",
        "a value with characters that its place does not take",
        "test it before, or let the `error` exit take it",
    ),
    Rule("E394", "error", "a text or a list that is too long", "leave long values out"),
    Rule(
        "E395",
        "error",
        "a value that cannot be computed with",
        "turn it into a number with | int(0), or test it before",
    ),
)
"""Codes of `RenderError`: the caller takes the `error` exit."""
