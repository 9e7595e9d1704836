"""Letters leave by SMTP (a real server in this process) or are kept as files."""

import asyncio
import socket
import ssl
import subprocess
from datetime import UTC, datetime

import pytest
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult

from onboarding.errors import BadInput, ServiceRefused, ServiceUnavailable
from onboarding.letters.letter import Say, letter
from onboarding.letters.message import compose
from tools.mail import Smtp, keep, safe_name, send

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Box:
    """An inbox that answers as it is told: to the recipient, and to the letter."""

    def __init__(self):
        self.kept, self.rcpt, self.data, self.login = [], "250 OK", "250 OK", None

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):
        if self.data == "cut":
            server.transport.abort()
        elif self.data.startswith("250"):
            self.kept.append(envelope)
        return self.data

    def authenticate(self, server, session, envelope, mechanism, data):
        self.login = (data.login, data.password)
        return AuthResult(success=data.password == b"p@ss:/word", handled=False)


@pytest.fixture
def box():
    return Box()


async def listening(make):
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.fixture
async def smtp(box):
    server, port = await listening(lambda: Server(box, enable_SMTPUTF8=True))
    yield Smtp(host="127.0.0.1", port=port, timeout=2, deadline=3)
    server.close()


def message(recipient="jane@bluekite.example.com", key="<letter-1@onboard.example>", text="Hello, 日本 Jane"):
    return compose(
        letter("Welcome", [Say(text)]),
        sender="Onboarding <no-reply@onboard.example>",
        recipient=recipient,
        message_id=key,
        date=NOON,
    )


async def test_a_letter_arrives_whole_with_its_message_id(box, smtp):
    await send(message(), smtp)
    (envelope,) = box.kept
    assert envelope.mail_from == "no-reply@onboard.example"
    assert envelope.rcpt_tos == ["jane@bluekite.example.com"]
    assert b"Message-ID: <letter-1@onboard.example>" in envelope.content
    assert envelope.content.rstrip() == message().as_bytes().rstrip()


async def test_an_address_beyond_ascii_travels_where_the_server_can_carry_it(box, smtp):
    await send(message("jürgen@bäckerei.example.com"), smtp)
    assert box.kept[0].rcpt_tos == ["jürgen@xn--bckerei-5wa.example.com"]


async def test_an_address_beyond_ascii_is_refused_for_good_where_it_cannot():
    box = Box()
    server, port = await listening(lambda: Server(box, enable_SMTPUTF8=False))
    with pytest.raises(ServiceRefused):
        await send(message("jürgen@bakery.example.com"), Smtp(host="127.0.0.1", port=port))
    server.close()
    assert box.kept == []


@pytest.mark.parametrize("where", ["rcpt", "data"])
@pytest.mark.parametrize(
    "answer, error",
    [
        ("550 no such user", ServiceRefused),
        ("552 too large", ServiceRefused),
        ("451 try later", ServiceUnavailable),
        ("421 shutting down", ServiceUnavailable),
    ],
)
async def test_5xx_about_a_letter_is_final_and_4xx_may_pass(box, smtp, where, answer, error):
    setattr(box, where, answer)
    with pytest.raises(error) as failed:
        await send(message(), smtp)
    assert type(failed.value) is error
    assert answer[4:] not in failed.value.detail
    assert box.kept == []


async def test_a_connection_cut_in_the_middle_may_pass(box, smtp):
    box.data = "cut"
    with pytest.raises(ServiceUnavailable):
        await send(message(), smtp)


async def test_a_farewell_that_fails_does_not_make_an_accepted_letter_unsent(box):
    class Rude(Server):
        async def smtp_QUIT(self, arg):
            self.transport.abort()

    server, port = await listening(lambda: Rude(box))
    await send(message(), Smtp(host="127.0.0.1", port=port, timeout=1))
    server.close()
    assert len(box.kept) == 1


async def test_nobody_listening_may_pass():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServiceUnavailable):
        await send(message(), Smtp(host="127.0.0.1", port=port))


async def test_a_silent_server_ends_at_the_time_out():
    async def silent(reader, writer):
        await reader.read()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    started = asyncio.get_running_loop().time()
    with pytest.raises(ServiceUnavailable):
        await send(message(), Smtp(host="127.0.0.1", port=port, timeout=0.1, deadline=0.2))
    server.close()
    assert asyncio.get_running_loop().time() - started < 10


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    try:
        subprocess.run([*made, *subject, "-keyout", key, "-out", cert], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs the openssl command")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context, cert


async def test_a_password_travels_only_over_tls_that_is_checked(box, certificate, monkeypatch):
    context, cert = certificate
    server, port = await listening(
        lambda: Server(box, tls_context=context, authenticator=box.authenticate, auth_require_tls=True)
    )
    url = f"smtp://mailer:p%40ss%3A%2Fword@localhost:{port}"
    with pytest.raises(ServiceUnavailable):  # self-signed and not trusted
        await send(message(), Smtp.from_url(url))
    assert box.login is None
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    await send(message(), Smtp.from_url(url))
    assert box.login == (b"mailer", b"p@ss:/word")
    assert len(box.kept) == 1
    with pytest.raises(ServiceUnavailable):  # a wrong password is ours to mend; the letter waits
        await send(message(), Smtp.from_url(url.replace("word", "guess")))
    server.close()


async def test_a_server_without_tls_never_sees_the_password(box):
    server, port = await listening(lambda: Server(box, authenticator=box.authenticate, auth_require_tls=False))
    with pytest.raises(ServiceUnavailable):
        await send(message(), Smtp.from_url(f"smtp://mailer:secret@127.0.0.1:{port}"))
    server.close()
    assert (box.login, box.kept) == (None, [])


def test_urls_say_how_to_connect():
    assert Smtp.from_url("smtp://mail.example") == Smtp(host="mail.example", port=25)
    assert Smtp.from_url("smtps://u:p@mail.example:4650/") == Smtp(
        host="mail.example", port=4650, user="u", password="p", tls=True, start_tls=False
    )
    assert Smtp.from_url("smtp://u:p@mail.example").start_tls is True
    assert Smtp.from_url("smtp://u:p@mail.example?starttls=never").start_tls is False
    assert Smtp.from_url("smtp://mail.example:587?starttls=require").start_tls is True


@pytest.mark.parametrize(
    "url",
    ["", "mail.example:25", "http://mail.example", "smtp://", "smtp://u:hunter2@h:99999", "smtp://h/x", "smtp://h?a=b"],
)
def test_other_urls_are_refused_without_repeating_them(url):
    with pytest.raises(BadInput) as refused:
        Smtp.from_url(url)
    assert "hunter2" not in refused.value.detail


def test_a_kept_letter_is_one_file_however_often_it_is_kept(tmp_path):
    folder = tmp_path / "outbox"
    first = keep(message(), folder)
    assert keep(message(), folder) == first
    assert [path.name for path in folder.iterdir()] == ["letter-1@onboard.example.eml"]
    assert first.read_bytes() == message().as_bytes()


def test_a_letter_that_cannot_be_kept_whole_is_not_kept_at_all(tmp_path, monkeypatch):
    before = keep(message(text="first"), tmp_path).read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ServiceUnavailable, match="No space"):
        keep(message(text="second"), tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize(
    "odd", ["<../../etc/passwd@x>", "<a/b@x>", "<a\\b@x>", "<" + "a" * 500 + "@x>", "<.hidden@x>", "<\x00@x>"]
)
def test_no_message_id_leaves_the_folder_or_meets_another(odd):
    name = safe_name(odd)
    assert name.isascii()
    assert not {"/", "\\", "\0"} & set(name)
    assert not name.startswith(".")
    assert len(name) < 140
    assert name != safe_name(odd.replace("@x", "@y"))
