"""Texts of the kinds that people and coding tools send, to compare vectors by: short, long, code, several languages."""

from __future__ import annotations

LONG = " ".join(
    f"Step {number}: open the file, look for the {word}, change it, run the tests and write down what happened."
    for number, word in enumerate("parser lexer cache socket thread timer buffer table index queue".split(), 1)
)

TEXTS = (
    "hi",
    "What is a mutex?",
    "Explain what a mutex is and when to use one.",
    "How do I sort a list in Python?",
    "How do I sort a list in Java?",
    "Convert JSON to YAML.",
    "Convert YAML to JSON.",
    "Upgrade the project from Django 4.2 to Django 5.1.",
    "Upgrade the project from Django 3.2 to Django 4.1.",
    "Do not delete the backup files.",
    "Delete the backup files.",
    "Write a function that returns the n-th Fibonacci number.",
    "Why does my React component re-render on every keystroke?",
    "def add(a, b):\n    return a + b\n",
    "for (let i = 0; i < items.length; i++) { console.log(items[i].name); }",
    "SELECT name, COUNT(*) FROM orders GROUP BY name HAVING COUNT(*) > 3 ORDER BY 2 DESC;",
    "Traceback (most recent call last):\n  File \"app.py\", line 12, in <module>\nKeyError: 'user_id'",
    "git rebase -i HEAD~3 && git push --force-with-lease",
    "What is the refund policy for annual plans?",
    "Can I get my money back if I paid for a whole year?",
    "Summarise the following article in three sentences.",
    "Translate 'good morning' into French, German and Spanish.",
    "The weather is lovely today.",
    "It's so sunny outside!",
    "He drove to the stadium.",
    "Wie installiere ich Docker auf Ubuntu?",
    "¿Cómo puedo restablecer mi contraseña?",
    "Comment fonctionne le ramasse-miettes de Go ?",
    "Как отсортировать массив в JavaScript?",
    "한국어로 설명해 주세요",
    "नमस्ते, आप कैसे हैं?",
    "Thanks a lot!",
    "1 + 1 = ?",
    "0x7fff5fbff8c0 -> 0x7fff5fbff8d0",
    "https://example.com/docs/v2/api?query=cache&limit=10#section-3",
    "AAAA BBBB CCCC DDDD EEEE",
    "\t  spaces   and\n\n\nlines  ",
    "?",
    "Refactor `UserService.findById` so that it returns an Optional instead of null, and adapt its three callers.",
    LONG,
)
