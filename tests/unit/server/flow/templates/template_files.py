"""The template files of the tests."""

from __future__ import annotations

FILES = {
    "greeting.j2": "Hello {{ call.from }}.\n{% include 'part.j2' %}\n",
    "part.j2": "Your ticket is {{ ticket }}.",
    "faulty.j2": "Hello\n  {{ call.fron }}\n{% if vip %}Sir",
    "around.j2": "{% include 'round.j2' %}",
    "round.j2": "{% include 'around.j2' %}",
    "speech.j2": "<speak>Hello {{ ticket }}</speak>",
    "plain.j2": "Good morning.",
    "queue.json.j2": '[{"action": "talk", "text": "Ticket {{ ticket }}"}]',
    "long.j2": "x" * 100_001,
}
