"""Files of sqllogictest records as this house writes them: read, and written again. README.md tells the form."""
import json
import re
from pathlib import Path

# A letter for each type, and what the doors call it.
LETTERS = {"B": "boolean", "I": "integer", "L": "bigint", "R": "double precision", "N": "numeric", "T": "text", "D": "date",
           "S": "timestamp without time zone", "Z": "timestamp with time zone", "V": "interval", "J": "jsonb"}
LETTER_OF = {name: letter for letter, name in LETTERS.items()}


class Record:
    """One record, or a stretch of comments (kind "comment")."""

    def __init__(self, line):
        self.line = line          # of the file, from 1
        self.kind = "comment"     # "load", "statement", "query"
        self.comments = []        # lines before it that begin with #, but for those of `pg`
        self.pg = None            # what PostgreSQL is asked instead
        self.only = None          # "tdb" or "postgres": who is asked at all
        self.skip = None          # "tdb": who answers otherwise, for the reason that the comments give
        self.params = None        # a list: the parameters
        self.words = []           # of the first line, behind the kind
        self.sql = ""
        self.expected = None      # lines behind ----; None: none were recorded

    @property
    def state(self):
        """The SQLSTATE that is expected: "" for none."""
        return self.words[1] if self.kind == "statement" and self.words[0] == "error" and len(self.words) > 1 else ""

    @property
    def place(self):
        """Where the error is: a character, from 1; 0: nowhere, or (a comment `# place: ...` says why) somewhere else."""
        if any(line.startswith("# place: ") for line in self.comments):
            return 0
        return int(self.words[2]) if len(self.words) > 2 else 0

    @property
    def is_error(self):
        return self.kind == "statement" and self.words[0] == "error"

    @property
    def types(self):
        """Names of the types of a query's columns."""
        return [LETTERS[letter] for letter in self.words[0]]

    @property
    def is_sorted(self):
        """The order of the rows does not matter."""
        return "rowsort" in self.words

    def text(self):
        lines = list(self.comments)
        lines += [f"# pg: {line}" for line in (self.pg or "").splitlines()]
        if self.only:
            lines.append(f"onlyif {self.only}")
        if self.skip:
            lines.append(f"skipif {self.skip}")
        if self.params is not None:
            lines.append(f"params {json.dumps(self.params, ensure_ascii=False)}")
        if self.kind != "comment":
            lines.append(" ".join([self.kind, *self.words]))
        if self.sql:
            lines.append(self.sql)
        if self.expected is not None:
            lines += ["----", *self.expected]
        return "\n".join(lines)


def read(path):
    """The records of a file."""
    records, record, is_expected = [], None, False
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), 1):
        if not line:
            if record:
                records.append(record)
            record, is_expected = None, False
            continue
        record = record or Record(number)
        if is_expected:
            record.expected.append(line)
        elif record.kind != "comment":
            if line == "----":
                record.expected, is_expected = [], True
            else:
                record.sql += ("\n" if record.sql else "") + line
        elif line.startswith("# pg: "):
            record.pg = ("" if record.pg is None else record.pg + "\n") + line[6:]
        elif line.startswith("#"):
            record.comments.append(line)
        else:
            _head(record, line, f"{path}:{number}")
    return records


def _head(record, line, where):
    word, _, rest = line.partition(" ")
    if word == "onlyif":
        record.only = rest
    elif word == "skipif":
        record.skip = rest
    elif word == "params":
        record.params = json.loads(rest)
    elif word in ("load", "statement", "query"):
        record.kind, record.words = word, rest.split()
        if word == "query" and record.words and not re.fullmatch(f"[{''.join(LETTERS)}]+", record.words[0]):
            record.words.insert(0, "?")  # to be recorded
        if word == "query" and not record.words:
            record.words = ["?"]
    else:
        raise ValueError(f"{where}: neither a record nor a comment: {line}")


def write(path, records):
    Path(path).write_text("\n\n".join(record.text() for record in records) + "\n", encoding="utf-8")


def shown(value):
    """A value's text as files have it."""
    if value is None:
        return "NULL"
    if value == "":
        return "(empty)"
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def row(values):
    return "\t".join(map(shown, values))
