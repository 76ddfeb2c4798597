# SPDX-License-Identifier: Apache-2.0
"""What the check-* scripts share: the tree's files, findings, and a small reader of C.

The reader works on text, not on a build: it also reads files that do not compile yet, and code of
both branches of an #if. It knows enough of C for this project's style, no more.
"""

import argparse
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED_FOLDERS = {"build", "__pycache__", "corpus"}
C_ENDINGS = (".c", ".h", ".cc", ".hh")
EXCEPTION = re.compile(r"EXCEPTION:\s*\S+(\s+\S+){2,}")  # a reason has at least three words


class Tree:
    """The project's files below a root, and the findings about them."""

    def __init__(self, description):
        parser = argparse.ArgumentParser(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--root", default=os.path.dirname(HERE),
                            help="the tree to check (default: the one this script is in)")
        self.root = parser.parse_args().root
        self.name = os.path.basename(sys.argv[0])
        self.findings = set()

    def files(self):
        """Paths relative to the root, sorted; without build results and hidden folders but .ci."""
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f == ".ci"
                          or not (f.startswith(".") or f in SKIPPED_FOLDERS)]
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.root)
                if os.path.isfile(os.path.join(self.root, path)):
                    found.append(path)
        return sorted(found)

    def c_files(self):
        return [path for path in self.files() if path.endswith(C_ENDINGS)]

    def read(self, path):
        """The text of a file, or None if it is not UTF-8 text."""
        with open(os.path.join(self.root, path), "rb") as file:
            data = file.read()
        try:
            return None if b"\0" in data else data.decode()
        except UnicodeDecodeError:
            return None

    def report(self, path, line, what, remedy):
        self.findings.add((path, line, what, remedy))

    def finish(self, checked):
        """Prints the findings and ends the script: 1 if there are any."""
        for path, line, what, remedy in sorted(self.findings):
            print(f"{path}:{line}: {what}: {remedy}")
        n = len(self.findings)
        print(f"{self.name}: {n} finding{'' if n == 1 else 's'} in {checked}")
        sys.exit(1 if n else 0)


HEAD = re.compile(r"(?:#![^\n]*\n)?(?:\s*(?:/\*.*?\*/|//[^\n]*|\#(?!\s*(?:include|define|if))[^\n]*"
                  r"|\#(?:ifndef|define)[ \t]+RINGBUS_\w+_H\b[^\n]*))*", re.S)


def head_of(text):
    """The comments at the beginning of a file, around its include guard."""
    return HEAD.match(text)[0]


def excused(text):
    """Whether a comment states an exception and its reason."""
    return bool(EXCEPTION.search(text))


def line_excused(lines, number):
    """Whether the line, or the one above it, states an exception."""
    return excused(" ".join(lines[max(0, number - 2):number]))


LEXEME = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.S | re.X)


def blank(match_text):
    return re.sub(r"[^\n]", " ", match_text)


def without_comments(text):
    """The text with comments blanked: same lines, same columns."""
    return LEXEME.sub(lambda m: blank(m[0]) if m["comment"] else m[0], text)


def code_only(text):
    """The text with comments and the insides of strings blanked."""
    return LEXEME.sub(lambda m: blank(m[0]) if m["comment"]
                      else m[0][0] + blank(m[0][1:-1]) + m[0][-1], text)


def without_directives(code):
    """Code with preprocessor lines (and their continuations) blanked."""
    return re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", lambda m: blank(m[0]), code, flags=re.M)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.']*|->|[^\s\w]")
CONTROL = {"if", "for", "while", "switch"}
NOT_A_NAME = {"__attribute__", "_Alignas", "_Static_assert", "static_assert", "__declspec",
              "alignas", "decltype", "typeof", "__typeof__"} | CONTROL
CLOSES = {"(": ")", "{": "}", "[": "]"}


class Function:
    """A function's definition: its name, place, parameters and depth of nesting."""

    def __init__(self, name, is_static, line, end_line, parameters, n_parameters, nesting):
        self.name = name
        self.is_static = is_static
        self.line = line            # of its name
        self.end_line = end_line    # of its closing brace
        self.parameters = parameters  # their tokens
        self.n_parameters = n_parameters
        self.nesting = nesting      # control statements inside one another, at the deepest place


class Reader:
    """Tokens of one file, and the functions found in them."""

    def __init__(self, text):
        code = without_directives(code_only(text))
        self.tokens = []
        self.lines = []
        for match in TOKEN.finditer(code):
            self.tokens.append(match[0])
            self.lines.append(line_of(code, match.start()))
        self.partner = self._match_brackets()

    def _match_brackets(self):
        partner, open_at = {}, []
        for i, token in enumerate(self.tokens):
            if token in CLOSES:
                open_at.append(i)
            elif token in CLOSES.values():
                if not open_at or CLOSES[self.tokens[open_at[-1]]] != token:
                    raise ValueError(f"line {self.lines[i]}: '{token}' closes nothing")
                begin = open_at.pop()
                partner[begin], partner[i] = i, begin
        if open_at:
            raise ValueError(f"line {self.lines[open_at[-1]]}: "
                             f"'{self.tokens[open_at[-1]]}' is never closed")
        return partner

    def functions(self):
        found, begin, i, end = [], 0, 0, len(self.tokens)
        while i < end:
            token = self.tokens[i]
            if token in ";}":
                begin = i + 1
            elif token in "([":
                i = self.partner[i]
            elif token == "{":
                i = self._top_level_brace(begin, i, found)
                if i is None:
                    return found
                begin = i
                continue
            i += 1
        return found

    def _top_level_brace(self, begin, brace, found):
        """Handles a '{' outside functions; gives the place to go on from."""
        head = self.tokens[begin:brace]
        if head[-3:] == ["extern", '"', '"'] or "namespace" in head:  # its inside is top level too
            return brace + 1
        close = self.partner[brace]
        function = self._function(begin, brace)
        if function:
            found.append(function)
            return close + 1
        i = close + 1
        while i < len(self.tokens) and self.tokens[i] != ";":  # a type or an initializer
            i = self.partner.get(i, i) + 1 if self.tokens[i] in CLOSES else i + 1
        return i + 1

    def _function(self, begin, brace):
        i = begin
        while i < brace:
            if self.tokens[i] == "=":
                return None
            if self.tokens[i] == "(":
                name = self.tokens[i - 1] if i > begin else ""
                if re.match(r"[A-Za-z_]", name) and name not in NOT_A_NAME:
                    return self._make(name, begin, i, brace)
                i = self.partner[i]
            i += 1
        return None

    def _make(self, name, begin, paren, brace):
        body_end = self.partner[brace]
        return Function(name, "static" in self.tokens[begin:paren], self.lines[paren - 1],
                        self.lines[body_end], self.tokens[paren + 1:self.partner[paren]],
                        self._n_parameters(paren), self._nesting(brace + 1, body_end))

    def _n_parameters(self, paren):
        inside = self.tokens[paren + 1:self.partner[paren]]
        if inside in ([], ["void"]):
            return 0
        n, i = 1, paren + 1
        while i < self.partner[paren]:
            if self.tokens[i] == ",":
                n += 1
            i = self.partner[i] + 1 if self.tokens[i] in CLOSES else i + 1
        return n

    def _nesting(self, i, end):
        """The deepest nesting of control statements in tokens [i, end)."""
        deepest = 0
        while i < end:
            i, depth = self._statement(i, end)
            deepest = max(deepest, depth)
        return deepest

    def _statement(self, i, end):
        """One statement from i: (where the next one begins, its nesting)."""
        token = self.tokens[i]
        if token == "{":
            return self.partner[i] + 1, self._nesting(i + 1, self.partner[i])
        if token == "do":
            i, depth = self._statement(i + 1, end)
            return self._skip_expression(i, end)[0], depth + 1
        if token in CONTROL:
            return self._control(i, end)
        if token == "else":  # the other branch of an #if
            return self._statement(i + 1, end)
        if re.match(r"[A-Za-z_]", token) and i + 1 < end and self.tokens[i + 1] == "(":
            after = self.partner[i + 1] + 1
            if after < end and self.tokens[after] == "{":  # a loop macro
                after, depth = self._statement(after, end)
                return after, depth + 1
        return self._skip_expression(i, end)

    def _control(self, i, end):
        token = self.tokens[i]
        i, depth = self._statement(self.partner[i + 1] + 1, end)
        depth += 1
        while token == "if" and i < end and self.tokens[i] == "else":
            if i + 1 < end and self.tokens[i + 1] == "if":  # a chain is one level
                i, further = self._statement(self.partner[i + 2] + 1, end)
                depth = max(depth, further + 1)
                continue
            i, further = self._statement(i + 1, end)
            return i, max(depth, further + 1)
        return i, depth

    def _skip_expression(self, i, end):
        """To behind the next ';' or label; the depth is that of a statement expression inside."""
        deepest, is_label = 0, True
        while i < end and self.tokens[i] != ";":
            if self.tokens[i] == ":" and is_label:
                return i + 1, deepest
            if self.tokens[i] == "(" and self.tokens[i + 1] == "{":
                deepest = max(deepest, self._nesting(i + 2, self.partner[i + 1]))
            if self.tokens[i] == "?":
                is_label = False
            i = self.partner[i] + 1 if self.tokens[i] in CLOSES else i + 1
        return i + 1, deepest
