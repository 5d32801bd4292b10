"""Rules from the subjects of certificates to names of users, as Apache Kafka 4.4.0 applies them."""

from __future__ import annotations

import pytest

from kafkalite.security.principal_mapping import NoMatchingRule, PrincipalMapping

SUBJECT = "CN=Duke,OU=ServiceUsers,O=Org,C=US"


@pytest.mark.parametrize(
    ("rules", "user"),
    [
        ("", None),
        ("DEFAULT", SUBJECT),
        (" DEFAULT , ", SUBJECT),
        ("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/", "Duke"),
        ("RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/L", "duke"),
        ("RULE:^CN=(.*?),OU=(.*?),O=(.*?),C=(.*?)$/$1@$2/U, DEFAULT", "DUKE@SERVICEUSERS"),
        ("RULE:^OU=.*$/x/,RULE:.*O=(\\w+),.*/$1/,DEFAULT", "Org"),
        ("RULE:^OU=.*$/x/", None),
        ("RULE:CN=Duke/x/", None),
        ("RULE:^(.*)$/\\$1-\\/$5$0/", f"$1-/$5{SUBJECT}"),
        ("RULE:^CN=(?<who>[^,]+).*$/${who}/", "Duke"),
        ("RULE:^.*$//,DEFAULT", ""),
        ("RULE:(CN)=(x)?.*/<$2>/", "<>"),
    ],
)
def test_the_first_rule_that_matches_counts(rules: str, user: str | None) -> None:
    mapping = PrincipalMapping(rules)
    if user is None:
        with pytest.raises(NoMatchingRule, match="CN=Duke"):
            mapping.user(SUBJECT)
    else:
        assert mapping.user(SUBJECT) == user


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("default", "no rule of the form"),
        ("RULE:a/b", "no rule of the form"),
        ("RULE:a/b/X", "no rule of the form"),
        ("DEFAULT,RULE:a/b/L/,", "no rule of the form .*: RULE:a/b/L/,"),
        ("RULE:(/b/", "unterminated subpattern"),
        ("RULE:a/$1/", r"\$1 is no group of the pattern"),
        ("RULE:(a)/${b}/", r"\$\{b\} is no group of the pattern"),
        ("RULE:(a)/$/", r"\$ is no group of the pattern"),
    ],
)
def test_other_texts_are_refused(rules: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PrincipalMapping(rules)
