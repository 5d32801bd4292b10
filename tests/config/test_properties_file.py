"""The syntax of Java properties files; expected values are java.util.Properties' own."""

import subprocess
from pathlib import Path

import pytest

from kafkalite.config.properties_file import PropertiesError, parse
from tests.support.reference_kafka import java

FILE = r"""# comment
! comment \
a=1
  b : 2
c 3
d   =   4
e=five \
   and \
	a half
f\ g\:h\=i = j=k:l
empty=
alone
tab\tbed=a\tb\n\u00e9\z\\
  # not=a comment? it is
g==x
h=trailing\\
i=\
  j
k = : l
last=no\
"""

SHOW = """
import java.io.FileInputStream;
import java.util.Properties;
import java.util.TreeSet;
public class Show {
    public static void main(String[] arguments) throws Exception {
        Properties read = new Properties();
        read.load(new FileInputStream(arguments[0]));
        for (String key : new TreeSet<>(read.stringPropertyNames()))
            System.out.print(key + "\\1" + read.getProperty(key) + "\\0");
    }
}
"""


def test_a_file_is_read_as_java_reads_it(tmp_path: Path) -> None:
    (tmp_path / "Show.java").write_text(SHOW)
    file = tmp_path / "server.properties"
    file.write_text("latin1=caf\xe9\n" + FILE, "latin-1")
    command = [java(), "-Dfile.encoding=UTF-8", str(tmp_path / "Show.java"), str(file)]
    shown = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout.decode()
    expected = dict(pair.split("\1") for pair in shown.split("\0")[:-1])
    assert {line.key: line.value for line in parse(file.read_text("latin-1"))} == expected


def test_lines_are_counted_from_the_first_line_of_a_property() -> None:
    text = "# one\n\na=1\r\nb=2\\\n  3\rc=4"
    assert [(line.number, line.key, line.value) for line in parse(text)] == [
        (3, "a", "1"),
        (4, "b", "23"),
        (6, "c", "4"),
    ]


def test_a_broken_escape_is_an_error_with_its_line() -> None:
    with pytest.raises(PropertiesError, match=r"2: \\u needs four hexadecimal digits"):
        list(parse("a=1\nb=\\u12"))
