"""The policy file: read strictly, refused with the line, stamped with its content."""

import pytest

from onboarding.errors import BadPolicyFile
from onboarding.finding import CATALOGUE, SEVERITY_OF, finding
from onboarding.policy import DEFAULT_FILE, Policy

TEXT = DEFAULT_FILE.read_text("utf-8")
LINES = TEXT.splitlines()


def written(tmp_path, text):
    file = tmp_path / "policy.toml"
    file.write_text(text, "utf-8")
    return file


def line_of(fragment):
    return next(number for number, line in enumerate(LINES, start=1) if fragment in line)


def test_the_default_policy_is_read_once_and_stamped_with_its_content(tmp_path):
    policy = Policy.default()
    assert policy is Policy.default()
    assert policy.stamp == f"{policy.version}+{policy.digest[:12]}"
    assert Policy.load(written(tmp_path, TEXT)).stamp == policy.stamp
    assert Policy.load(written(tmp_path, f"{TEXT}\n# a remark\n")).digest != policy.digest


@pytest.mark.parametrize(
    "old, new, line",
    [
        ("adult_age = 18", 'adult_age = "eighteen"', "adult_age"),
        ("adult_age = 18", "adult_age = 180", "adult_age"),
        ("medium_from = 20", "medium_from = 20\nnonsense = 1", "medium_from"),
        ('countries = ["IR", "KP"]', 'countries = ["IRAN"]', 'countries = ["IR"'),
        ("NEW_BUSINESS = 5", "NEW_BUSINESSES = 5", "[risk]"),
        ("owners = true", 'owners = "yes"', "owners = true"),
        ('"address.city", "address.line1"', '"address.town", "address.line1"', "[required]"),
        ('version = "2026.11.1"', "version = 3", "version ="),
        ("unresolved_pct = 25.0", "", "[thresholds]"),
    ],
)
def test_a_bad_file_is_refused_with_the_line(tmp_path, old, new, line):
    assert old in TEXT
    with pytest.raises(BadPolicyFile) as refused:
        Policy.load(written(tmp_path, TEXT.replace(old, new, 1)))
    found = refused.value.extra["line"]
    assert abs(found - line_of(line)) <= 1, refused.value.detail
    assert f"line {found}" in refused.value.detail


def test_broken_toml_and_missing_files_are_refused(tmp_path):
    with pytest.raises(BadPolicyFile, match="line 2"):
        Policy.load(written(tmp_path, 'version = "x"\n[mail\n'))
    with pytest.raises(BadPolicyFile, match="cannot be read"):
        Policy.load(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes(b'version = "\xff"')
    with pytest.raises(BadPolicyFile, match="UTF-8"):
        Policy.load(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    "host", ["gmail.com", "gmx.de", "gmx.co.uk", "yahoo.com.br", "web.de", "freemail.example.com", "wp.pl", "naver.com"]
)
def test_free_mail_hosts_are_known(host):
    assert Policy.default().is_free_mail(host)


@pytest.mark.parametrize("host", ["example.com", "mygmail.com", "live.mycompany.com", "shop.gmx-partner.de", "", "com"])
def test_a_business_s_own_host_is_not_free_mail(host):
    assert not Policy.default().is_free_mail(host)


def test_every_code_has_a_meaning_a_source_and_points():
    points = Policy.default().risk
    for code, entry in CATALOGUE.items():
        assert entry.meaning.endswith(".")
        assert entry.source.startswith(("policy ", "ours"))
        assert points.points_of(code) >= (0 if entry.severity == "info" else 1)
        assert finding(code, "x", raised_by="rule:x@1").severity == entry.severity == SEVERITY_OF[code]


def test_reasons_for_the_merchant_never_mention_screening_or_suspicion():
    for reason in Policy.default().reasons.values():
        assert not any(
            word in reason.merchant_text.lower() for word in ("sanction", "screen", "suspic", "fraud", "list")
        )
