"""Rules of the flow language: structure. What a flow file may hold, and how its steps lead to each other."""

from __future__ import annotations

from app.flow.rules.rule import Rule

_EXITS = "a step has one exit: choices, collect, branch, goto, or on alone"

STRUCTURE_RULES: tuple[Rule, ...] = (
    # Shapes, words and values
    Rule("E201", "error", "a value has the wrong shape", "write a text, a list or a map, as the message says"),
    Rule("E202", "error", "a word is not known here", "write one of the known words"),
    Rule("E203", "error", "a value does not fit the type of its field", "write a value of the type"),
    Rule("E204", "error", "something that is due is missing", "add it"),
    Rule("E205", "error", "a name holds characters that a name may not have", "use letters, digits, _ and -"),
    Rule("E206", "error", "a name is taken by the flow language itself", "choose another name"),
    # Flows among each other
    Rule("E210", "error", "two flows have the same name", "give one of them another name"),
    Rule("E211", "error", "a number is given twice", "keep it in the one flow that its calls start in"),
    Rule("E212", "error", "two flows are the default", "keep `default: true` in one of them"),
    Rule("W213", "warning", "no call can start in a flow", "add `numbers`, `default: true` or `entry: true`"),
    # Steps
    Rule("E214", "error", "a target names a step that does not exist", "name a step of this flow, or end"),
    Rule("W215", "warning", "no caller can come to a step", "lead to it from another step, or delete it"),
    Rule("E216", "error", "steps go round without any input of the caller", "let one of them ask, or end"),
    Rule("W217", "warning", "a step has no exit", "write `goto: end` if the call ends here"),
    Rule("E218", "error", "a step has two exits", _EXITS),
    Rule("E219", "error", "a word has no effect in this step", "delete it"),
    Rule("E220", "error", "nothing decides on the answer of an input", "add `choices` or `collect` to the step"),
    Rule("W221", "warning", "the answer of an input goes to another server", "delete `eventUrl` and add `choices`"),
    # Variables
    Rule("E225", "error", "a variable is not declared", "declare it under `vars` of the flow"),
    Rule("E226", "error", "a sensitive value would be kept in the open", "declare the variable with `sensitive: true`"),
    # Choices
    Rule("E230", "error", "a menu has no choice", "add a choice: `sales: {dtmf: 1, goto: sales}`"),
    Rule("E231", "error", "a choice can be neither pressed nor said", "add `dtmf`, `speech` or both"),
    Rule("E232", "error", "dtmf is not something that can be pressed", 'write digits, "*" or "#", or a list of them'),
    Rule("E233", "error", "two choices have the same key", "give one of them another key"),
    Rule("E234", "error", "two choices have the same phrase", "give one of them another phrase"),
    Rule("E235", "error", "a phrase cannot be listened for", "write words as they are said, without braces"),
    # Retry
    Rule(
        "E240",
        "error",
        "nothing says what happens after the last try",
        "add `retry: {then: step}`, here or under `defaults`",
    ),
    Rule("W241", "warning", "a prompt is never played", "raise `tries`, or delete the prompt"),
    # Collect
    Rule("E245", "error", "collect takes neither digits nor speech", "add `digits: 4` or `speech: any`"),
    Rule("E246", "error", "this is no number of digits", "write a number from 1 to 20, or a range such as 6..8"),
    # Branch
    Rule("E250", "error", "a branch has no else", "end the list with `- else: step`"),
    Rule("E251", "error", "a line of a branch is never looked at", "let `else` be the last line, and only once"),
    # On
    Rule("E260", "error", "a way in which dialling can fail leads nowhere", "add `otherwise: step`"),
    Rule("E261", "error", "nothing says what follows a completed call", "add `completed: end`"),
    Rule("E262", "error", "this status cannot steer a call", "take it out of `on`; what only observes it is `events`"),
    Rule("E263", "error", "this is no outcome of the step", "write an outcome of the connect, or of a checkpoint"),
    Rule("E264", "error", "an outcome of a dial stands in a step that dials nobody", "add a `connect` to `do`"),
    Rule("E265", "error", "a list of targets has no on", "add `on` with `completed` and `otherwise`"),
    Rule("W265", "warning", "true or false in a list or a map is a text", 'write it in quotes: "true"'),
    Rule("W266", "warning", "a connect has no on", "add `on: {completed: end, otherwise: step}`"),
    # Flows that run other flows
    Rule("E270", "error", "something is given that is not taken", "delete it, or declare it under `params` there"),
    Rule("E271", "error", "something is not given that is needed", "add it under `with`"),
    Rule("E272", "error", "there is no such flow", "name a flow of this project"),
    Rule("E273", "error", "a flow comes back with an outcome that it does not declare", "add it to `outcomes`"),
    Rule("E274", "error", "a flow gives back a value that it does not declare", "add it to `returns`"),
    Rule("E275", "error", "a flow that is run has no such outcome", "write one of the outcomes that it declares"),
    Rule("E276", "error", "an outcome of a flow leads nowhere", "add `otherwise: step`"),
    Rule("E277", "error", "this is no outcome of hold", "write `ready` or `too_long`"),
    Rule("E278", "error", "nothing is heard while a caller is held", "add a talk, a stream or a `wait` to `do`"),
    Rule("E279", "error", "a held caller never comes back", "write a number of repetitions: `loop: 1`"),
    Rule("E280", "error", "a flow runs itself", "hand the call over: `goto: {run: flow}`"),
    Rule("E282", "error", "two shared files declare the same part", "keep one of them"),
    Rule("E284", "error", "this is no event that can be told", "write one of the known events"),
    Rule("E290", "error", "this is no limit", "write one of the known limits"),
    Rule("E291", "error", "a limit is no number of its kind", "write a whole number"),
    # What the other party of a connect hears, and computed lists
    Rule("E285", "error", "onAnswer names a flow and another server", "keep `run` or `url`"),
    Rule(
        "E286",
        "error",
        "a secret would be kept until the other party answers",
        "let that flow do without it, or ask for it there",
    ),
    Rule("W286", "warning", "an outcome that sounds like a refusal joins the parties", "call it `rejected`"),
    Rule("E287", "error", "what a connect computes is no phone number", "let it be a phone number, or a list of them"),
    Rule(
        "W289",
        "warning",
        "a held caller waits for something that never changes",
        "wait for what a look-up of the step says; it is asked again each time",
    ),
    Rule("W287", "warning", "nobody starts a conversation", "leave out `startOnEnter: false` for the moderator"),
    Rule("W288", "warning", "an event never comes", "add a `record` to `do`, or delete the line"),
    Rule("W267", "warning", "otherwise catches nothing", "delete it: every failure has its own line"),
)
