from __future__ import annotations

import pytest

from ncco_server.store.address import read_address
from tests.support.cases import each_case

DSN = "postgresql://ann:s%2Fcret@db.example.com:6432/ncco"


@each_case(
    ("label", "url"),
    [
        ("postgresql://db.example.com/ncco", "postgresql://ann:secret@db.example.com/ncco"),
        ("postgresql://db.example.com:6432/ncco", "postgres://ann:se%40cret@db.example.com:6432/ncco"),
        ("postgresql://a:5432,b:5433/ncco", "postgresql://ann:secret@a:5432,b:5433/ncco"),
        ("postgresql://[::1]:5432/ncco", "postgresql://ann:secret@[::1]:5432/ncco"),
        ("postgresql:///run/postgresql/ncco", "postgresql:///ncco?host=/run/postgresql"),
        ("postgresql://db/my calls", " postgresql://db/my%20calls\n"),
        ("postgresql://db/ncco", "postgresql://ann:secret@db/ncco?sslmode=verify-full&sslrootcert=/ca.pem"),
    ],
)
def test_a_label_names_the_host_and_the_database_but_no_user(label: str, url: str) -> None:
    assert label == read_address(url).label


def test_the_connection_string_keeps_the_password_and_is_not_shown() -> None:
    address = read_address(f"{DSN}?sslmode=require")

    assert f"{DSN}?sslmode=require" == address.dsn
    assert "Address(label='postgresql://db.example.com:6432/ncco', is_pooled=False)" == repr(address)


@pytest.mark.parametrize(("is_pooled", "pooler"), [(True, "transaction"), (False, "session")])
def test_the_pooler_option_is_ours_and_not_passed_on(is_pooled: bool, pooler: str) -> None:
    address = read_address(f"{DSN}?pooler={pooler}")

    assert (is_pooled, DSN) == (address.is_pooled, address.dsn)


@each_case(
    ("expected", "url"),
    [
        ("it does not name a database", "postgresql://ann:secret@db"),
        ("it does not name a database", "postgresql://ann:secret@db/"),
        ("with %2F for a / in the password", "postgresql://ann:secret/x@db/ncco"),
        ("a # in a password is written %23", "postgresql://ann:secret#x@db/ncco"),
        ("a port is a number from 1 to 65535", "postgresql://ann:secret@db:secret/ncco"),
        ("a port is a number from 1 to 65535", "postgresql://ann:secret@db:0/ncco"),
        ("a port is a number from 1 to 65535", "postgresql://ann:secret@a:5432,b:70000/ncco"),
        ("it is not a URL", "postgresql://ann:secret@[::1/ncco"),
        ("'sslmod' is not an option of a PostgreSQL URL", "postgresql://ann:secret@db/ncco?sslmod=require"),
        ("sslmode is one of disable, allow", "postgresql://ann:secret@db/ncco?sslmode=on"),
        ("target_session_attrs is one of any, primary", "postgresql://ann:secret@db/ncco?target_session_attrs=master"),
        ("it names the host or port twice", "postgresql://ann:secret@db/ncco?port=6432"),
        ("it names the host or port twice", "postgresql://ann:secret@db/ncco?host=other"),
        ("a port is a number from 1 to 65535, one for all", "postgresql:///ncco?host=db&port=abc"),
        ("a port is a number from 1 to 65535, one for all", "postgresql:///ncco?host=a,b,c&port=5432,5433"),
        ("pooler is transaction or session", "postgresql://ann:secret@db/ncco?pooler=pgbouncer"),
    ],
)
def test_an_invalid_url_is_refused_with_a_fix_and_without_the_password(expected: str, url: str) -> None:
    with pytest.raises(ValueError, match="write") as refused:
        read_address(url)

    assert expected in str(refused.value)
    assert "secret" not in str(refused.value)
