#include "common/identity.hpp"

#include <doctest/doctest.h>

#include "tests/unit/support/hex.hpp"
#include "tests/unit/support/identities.hpp"

namespace {

using common::IdentityKey;
using test::kAlice;
using test::kBob;
using test::to_hex;

// Where no other source is named, the expected values were made with Python's hashlib and
// cryptography: scripts/check-vectors does the same for the page.
TEST_CASE("an identity is its seed") {
  CHECK(to_hex(kAlice.key().bytes) ==
        "bc7cbcb5636375fa1d82434d466724d92377f53b980695dd49d26d0ce12205a5");
  CHECK(to_hex(kBob.key().bytes) ==
        "4721b5b632272e65a68dda7ac25b4185f8b01916db185c14287db92e2b770fae");
  CHECK(kAlice.clone().key() == kAlice.key());
  const auto signature = kAlice.sign(common::as_bytes("text"));
  CHECK(common::verify(kAlice.key(), common::as_bytes("text"), signature));
  CHECK_FALSE(common::verify(kBob.key(), common::as_bytes("text"), signature));
}

TEST_CASE("a fingerprint is read with or without dashes, in capitals or not") {
  CHECK(common::format_fingerprint(kAlice.key()) == "omff-5xbi-yl4n-v4wz-3tr2-ahk7-ebpd-lzkv");
  CHECK(common::format_fingerprint(kBob.key()) == "2s37-4kd5-vxkx-ph2a-fmyp-4vyr-32b4-lesr");
  for (const std::string_view text :
       {"omff-5xbi-yl4n-v4wz-3tr2-ahk7-ebpd-lzkv", "omff5xbiyl4nv4wz3tr2ahk7ebpdlzkv",
        "OMFF-5XBI-YL4N-V4WZ-3TR2-AHK7-EBPD-LZKV"}) {
    CAPTURE(text);
    CHECK(common::is_fingerprint_of(kAlice.key(), text));
    CHECK_FALSE(common::is_fingerprint_of(kBob.key(), text));
  }
  for (const std::string_view text :
       {"", "-", "omff-5xbi-yl4n-v4wz-3tr2-ahk7-ebpd", "omff-5xbi-yl4n-v4wz-3tr2-ahk7-ebpd-lzkw",
        "omff-5xbi-yl4n-v4wz-3tr2-ahk7-ebpd-lzkvv", "omff 5xbi yl4n v4wz 3tr2 ahk7 ebpd lzkv"}) {
    CAPTURE(text);
    CHECK_FALSE(common::is_fingerprint_of(kAlice.key(), text));
  }
}

TEST_CASE("a key stands in files as base64, and only in its one form") {
  const std::string text = common::format_identity_key(kAlice.key());
  CHECK(text == "vHy8tWNjdfodgkNNRmck2SN39TuYBpXdSdJtDOEiBaU=");
  CHECK(common::parse_identity_key(text) == kAlice.key());
  for (const std::string_view bad :
       {"", "vHy8tWNjdfodgkNNRmck2SN39TuYBpXdSdJtDOEiBaU",
        "vHy8tWNjdfodgkNNRmck2SN39TuYBpXdSdJtDOEi", "vHy8tWNjdfodgkNNRmck2SN39TuYBpXdSdJtDOEiBaV=",
        "vHy8tWNjdfodgkNNRmck2SN39TuYBpXdSdJtDOEiBaUA"})
    CHECK_FALSE(common::parse_identity_key(bad));
}

TEST_CASE("the safety number is the same from both sides, and another for any other pair") {
  const common::NamedKey alice{kAlice.key(), "alice"};
  const common::NamedKey bob{kBob.key(), "bob"};
  const std::string number = common::safety_number(alice, bob);
  CHECK(number == "560295476184952303701881214511436166915629557928671597708939");
  CHECK(common::safety_number(bob, alice) == number);
  CHECK(common::safety_number(alice, {kBob.key(), "bobby"}) != number);
  CHECK(common::safety_number(alice, {kAlice.key(), "bob"}) != number);
  CHECK(common::safety_number({kBob.key(), "alice"}, {kAlice.key(), "bob"}) != number);
  // The same name at two registries: the keys give the order.
  CHECK(common::safety_number({kAlice.key(), "bob"}, bob) ==
        common::safety_number(bob, {kAlice.key(), "bob"}));
  CHECK(common::group_digits(number) ==
        "56029 54761 84952 30370 18812 14511 43616 69156 29557 92867 15977 08939");
}

TEST_CASE("what is signed for a registry tells each part from the next") {
  const common::SignedRequest request{.host = "127.0.0.1:8080",
                                      .method = "POST",
                                      .path = "/",
                                      .body = "body",
                                      .serial = 1'700'000'000'000};
  CHECK(to_hex(common::signed_request_bytes(request)) ==
        "554d43312d726567000e0000003132372e302e302e313a3830383004000000504f5354010000002f"
        "04000000626f64790068e5cf8b010000");
  common::SignedRequest shifted = request;
  shifted.path = "/b";
  shifted.body = "ody";
  CHECK(common::signed_request_bytes(shifted) != common::signed_request_bytes(request));
}

}  // namespace
