// The two roles against each other: the vector, and everything that must not be believed.
#include <doctest/doctest.h>

#include "peer/sealed/aead.hpp"
#include "tests/unit/support/handshake_pair.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)
using test::from_hex;
using test::give_resp;
using test::HandshakePair;
using test::is_believed;
using test::is_refused;
using test::kStart;
using test::kWallStart;
using test::to_hex;

// Sample frames: the handshake does not look into them.
const ByteVector kInitFrames = from_hex("0101000000050068656c6c6f");
const ByteVector kRespFrames = from_hex("0201000000");

/// The INIT with a bit flipped and mac1 made right again, so that the flip reaches what is behind
/// it.
ByteVector with_right_mac1(const HandshakePair& pair, ByteVector init) {
  const Mac1 mac1 =
      mac1_of(pair.bob.ring.current().mac1_key, Bytes(init).first(init.size() - kMac1Bytes));
  std::copy(mac1.begin(), mac1.end(), init.end() - kMac1Bytes);
  return init;
}

/// What bob does with a datagram, in a word. Each comes a second after the one before, so that no
/// limit of rate answers in place of the check that is meant.
class Bob {
 public:
  explicit Bob(HandshakePair& pair) : pair_(pair) {}

  std::string_view does_with(Bytes datagram) {
    now_ += std::chrono::seconds(1);
    const auto decoded = decode_datagram(datagram);
    if (!decoded) return to_string(decoded.error());
    if (!std::holds_alternative<Init>(*decoded)) return "not an INIT";
    const auto result =
        pair_.bob.responder.handle_init(now_, kWallStart, pair_.from, std::get<Init>(*decoded));
    if (std::holds_alternative<InitRefusal>(result))
      return to_string(std::get<InitRefusal>(result));
    return is_believed(result) ? "believes" : "replies";
  }

 private:
  HandshakePair& pair_;
  common::TimePoint now_ = kStart;
};

TEST_CASE("the handshake of the vector comes out byte by byte") {
  HandshakePair pair;
  CHECK(to_hex(pair.bob.ring.current().pair.key.bytes) ==
        "db48257e1237976a74ad8cfedca00213408fe89ac6251f1b930245f242b5c31a");
  HandshakeInitiator alice = pair.initiate(kInitFrames);
  CHECK(
      to_hex(alice.datagram()) ==
      "fe010100443322113fa76f6244743c275fc2f8a124437afcee7d4567fe31e02c2d042939de96f07b06e28c0c4c3a"
      "f740761a574e01eb8404e7304b87837fd04089928e546c5c5eafbd5bba8287523458b1063e0d5666814ff46816d2"
      "8cea3e5f80ab5cc2c1c74d14fa5c7798fa4dbd1da328f89964eb541ba2d765db5d7b8923fc97f33ac97e231cfeec"
      "19db1e8b8942ab3e1d6e5076f43f80221cebb87a68641f6f54b4b714f877f71413b20617c4a9c8529d9ab06766fa"
      "fb1fc6f3d73bb7980ae0cc2ab7ecbe61f8b853dca7071cfb3102a0a342f598d3b11dba06b0afb2cf3e12beaeb499"
      "f08702be306e508cb58df2ab603d1121798f5a7698342b57986fe14d231e592a3d229b6675473e3d665c782ba5c9"
      "46830000000000000000000000000000000019070860a7d6369e2acdb4ac92560486");
  CHECK(to_hex(common::sha256({alice.datagram()})) ==
        "1475e25c02a0225e06411331bbe1fb7a3d70faaf6f6449d2a0b5dd78a5aeddfa");

  auto result = pair.give_bob(alice.datagram());
  REQUIRE(is_believed(result));
  const auto& incoming = std::get<IncomingHandshake>(result);
  CHECK(incoming.initiator().name.text() == "alice");
  CHECK(incoming.initiator().identity == pair.alice.ring.identity().key());
  CHECK(incoming.remote_index() == 0x11223344);
  CHECK(incoming.from() == pair.from);
  CHECK(to_hex(incoming.frames()) == to_hex(kInitFrames));
  CHECK(incoming.frames_bytes_max() == alice.datagram().size() - 72);

  auto bob = pair.answer(std::move(result), kRespFrames);
  CHECK(to_hex(bob.datagram) ==
        "fe02010088776655443322111984e5f45500244a4d4b07a3db3e181e"
        "5afcb828c0bdb147239666e16906833aafd348d98700bd86771fb889c361c1b6fec20ff78fc72caf8cdf3e1fb4"
        "1ddc370e");
  CHECK(bob.datagram.size() <= alice.datagram().size());

  auto established = give_resp(alice, bob.datagram);
  REQUIRE(established);
  CHECK(established->remote_index == 0x55667788);
  CHECK(to_hex(established->frames) == to_hex(kRespFrames));
  const std::string_view alice_to_bob =
      "1a9c8a651c60576f699e3f0081e2537bc1209725a7b20dde343af988bfbd94b2";
  const std::string_view bob_to_alice =
      "1e6384c8c25f7e30638aae7ca9b47bc8ba72fecc33527dcead64213c09e55fea";
  CHECK(to_hex(established->keys.send.key.bytes()) == alice_to_bob);
  CHECK(to_hex(established->keys.receive.key.bytes()) == bob_to_alice);
  CHECK(to_hex(bob.keys.send.key.bytes()) == bob_to_alice);
  CHECK(to_hex(bob.keys.receive.key.bytes()) == alice_to_bob);
  CHECK(established->keys.send.nonces.used() == 0);
}

TEST_CASE("any flipped bit of an INIT is refused, also when its mac1 is made right again") {
  HandshakePair pair;
  Bob bob(pair);
  HandshakeInitiator alice = pair.initiate(kInitFrames);
  const ByteVector init(alice.datagram().begin(), alice.datagram().end());
  constexpr std::string_view kNotForUs = "forged, or for another name or identity";
  for (std::size_t bit = 0; bit < init.size() * 8; ++bit) {
    CAPTURE(bit);
    const std::size_t at = bit / 8;
    ByteVector bad = init;
    bad[at] ^= static_cast<std::byte>(1u << (bit % 8));
    const bool is_mark = at < 4;                         // another kind of datagram, or none
    const bool is_key = !is_mark && at >= 8 && at < 16;  // a KEYHINT says that we do not have it
    const std::string_view found = bob.does_with(bad);
    if (!is_mark) CHECK(found == (is_key ? "replies" : "wrong mac1"));
    CHECK(found != "believes");

    // The token is outside of what Noise binds: whoever can make mac1 may set it.
    if (is_mark || at >= init.size() - kTokenBytes - kMac1Bytes) continue;
    CHECK(bob.does_with(with_right_mac1(pair, bad)) == (is_key ? "replies" : kNotForUs));
  }
  CHECK(bob.does_with(init) == "believes");
}

TEST_CASE("an INIT cut or lengthened anywhere is refused, also when its mac1 is made right again") {
  HandshakePair pair;
  Bob bob(pair);
  HandshakeInitiator alice = pair.initiate(kInitFrames);
  const ByteVector init(alice.datagram().begin(), alice.datagram().end());
  constexpr std::string_view kNotForUs = "forged, or for another name or identity";
  for (std::size_t size = 0; size < init.size(); ++size) {
    CAPTURE(size);
    const ByteVector bad(init.begin(), init.begin() + static_cast<std::ptrdiff_t>(size));
    const bool is_too_short = size < kInitBytesMin;
    const std::string_view expected = size == 0      ? "not a sealed datagram"
                                      : is_too_short ? "wrong length for its type"
                                                     : "wrong mac1";
    CHECK(bob.does_with(bad) == expected);
    if (!is_too_short) CHECK(bob.does_with(with_right_mac1(pair, bad)) == kNotForUs);
  }
  ByteVector longer = init;
  longer.push_back(std::byte{0});
  CHECK(bob.does_with(longer) == "wrong mac1");
  CHECK(bob.does_with(with_right_mac1(pair, longer)) == kNotForUs);
  CHECK(bob.does_with(init) == "believes");
}

TEST_CASE("any flipped bit or cut of a RESP is refused, and the right one still counts, once") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate(kInitFrames);
  const auto bob = pair.answer(pair.give_bob(alice.datagram()), kRespFrames);
  const auto alice_believes = [&](Bytes datagram) {
    const auto decoded = decode_datagram(datagram);
    return decoded && std::holds_alternative<Resp>(*decoded) &&
           alice.handle_resp(std::get<Resp>(*decoded)).has_value();
  };
  for (std::size_t bit = 0; bit < bob.datagram.size() * 8; ++bit) {
    CAPTURE(bit);
    ByteVector bad = bob.datagram;
    bad[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(alice_believes(bad));
  }
  for (std::size_t size = 0; size < bob.datagram.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(alice_believes(Bytes(bob.datagram).first(size)));
  }
  CHECK(alice_believes(bob.datagram));
  // Keys are given once: a second counter over them would repeat nonces.
  CHECK_FALSE(alice_believes(bob.datagram));
}

TEST_CASE("a RESP answers one INIT") {
  HandshakePair pair;
  HandshakeInitiator first = pair.initiate(kInitFrames, 0xa3);
  HandshakeInitiator second = pair.initiate(kInitFrames, 0xa4);
  const auto to_first = pair.answer(pair.give_bob(first.datagram()), {});
  CHECK_FALSE(give_resp(second, to_first.datagram));
  CHECK(give_resp(first, to_first.datagram));
}

TEST_CASE("an INIT for another name or identity is not for us") {
  struct Row {
    std::string_view name;
    std::string_view recipient;
    unsigned identity;
  };
  const Row rows[] = {
      {"another name of the same identity", "bobby", 0xb1},
      {"the same name in other letters", "Bob", 0xb1},
      {"another identity of the same name", "bob", 0xc1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    HandshakePair pair;
    // A malicious registry's certificate: bob's session key, but under another name or identity.
    const auto certificate = common::decode_certificate(
        common::issue_certificate(test::identity_of(row.identity), test::name_of(row.recipient),
                                  pair.bob.ring.current().pair.key, 1, 1'700'007'200));
    REQUIRE(certificate);
    HandshakeInitiator alice = pair.initiate_to(*certificate, kInitFrames);
    CHECK(is_refused(pair.give_bob(alice.datagram()), InitRefusal::kNotForUs));
  }
}

/// An INIT whose payload alice made up, however wrong it is.
ByteVector init_with_payload(HandshakePair& pair, ByteVector payload, const NoiseKeyPair& session,
                             unsigned ephemeral = 0xa3) {
  const OwnSessionKey& bob = pair.bob.ring.current();
  const auto header = encode_init_header(0x11223344, bob.id);
  NoiseInitiator noise(session, bob.pair.key,
                       NoiseKeyPair::of(common::Secret(test::repeated(ephemeral))),
                       prologue_of(header, pair.bob.ring.identity().key(), "bob"));
  ByteVector out(kInitBytesMin + payload.size());
  std::copy(header.begin(), header.end(), out.begin());
  REQUIRE(noise.write_message_1(payload,
                                std::span(out).subspan(kInitHeaderBytes, 96 + payload.size())));
  return with_right_mac1(pair, out);
}

TEST_CASE("the initiator's certificate must be whole, right, its own and in time") {
  const NoiseKeyPair session = NoiseKeyPair::of(common::Secret(test::repeated(0xa2)));
  const auto issued = [](unsigned identity, const common::ExchangeKey& key, std::uint64_t end) {
    return common::issue_certificate(test::identity_of(identity), test::name_of("alice"), key, 1,
                                     end);
  };
  const std::uint64_t now_s = 1'700'000'000;
  ByteVector forged = issued(0xa1, session.key, now_s);
  forged.back() ^= std::byte{1};
  ByteVector illegal_name = issued(0xa1, session.key, now_s);
  illegal_name[5] = std::byte{'@'};
  const ByteVector whole = issued(0xa1, session.key, now_s);

  struct Row {
    std::string_view name;
    ByteVector payload;
    InitRefusal refusal;
  };
  const Row rows[] = {
      {"none", {}, InitRefusal::kBadCertificate},
      {"half of one", ByteVector(whole.begin(), whole.begin() + 80), InitRefusal::kBadCertificate},
      {"a wrong signature", forged, InitRefusal::kBadCertificate},
      {"an illegal name", illegal_name, InitRefusal::kBadCertificate},
      {"another session key's",
       issued(0xa1, NoiseKeyPair::of(common::Secret(test::repeated(0xc2))).key, now_s),
       InitRefusal::kOtherKey},
      {"expired a day ago", issued(0xa1, session.key, now_s - 86'400), InitRefusal::kExpired},
  };
  unsigned ephemeral = 1;
  HandshakePair pair;
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(is_refused(pair.give_bob(init_with_payload(pair, row.payload, session, ephemeral++)),
                     row.refusal));
  }
  CHECK(is_believed(pair.give_bob(
      init_with_payload(pair, issued(0xa1, session.key, now_s - 86'399), session, ephemeral++))));
  // The serial floor is for the directory's certificates: one name may listen and send at once.
  CHECK(is_believed(pair.give_bob(
      init_with_payload(pair, issued(0xa1, session.key, now_s), session, ephemeral))));
}

TEST_CASE("the longest INIT is as long as a datagram may be") {
  HandshakePair pair;
  const ByteVector frames(init_frames_bytes_max(5));
  HandshakeInitiator alice = pair.initiate(frames);
  CHECK(alice.datagram().size() == kDatagramBytesMax);
  CHECK(init_frames_bytes_max(5) == 902);
  auto result = pair.give_bob(alice.datagram());
  REQUIRE(is_believed(result));
  const std::size_t room = std::get<IncomingHandshake>(result).frames_bytes_max();
  const auto bob = pair.answer(std::move(result), ByteVector(room));
  CHECK(bob.datagram.size() == alice.datagram().size());
  CHECK(give_resp(alice, bob.datagram));
}

TEST_CASE("no INIT is made for a session key of low order") {
  HandshakePair pair;
  const auto certificate = common::decode_certificate(common::issue_certificate(
      test::identity_of(0xb1), test::name_of("bob"), common::ExchangeKey{}, 1, 1));
  REQUIRE(certificate);
  CHECK_FALSE(
      HandshakeInitiator::begin(pair.alice.ring.current(), *certificate, 1, {}, pair.alice.random));
}

TEST_CASE("a text goes both ways under the new keys") {
  HandshakePair pair;
  HandshakeInitiator alice = pair.initiate({});
  auto bob = pair.answer(pair.give_bob(alice.datagram()), {});
  auto established = give_resp(alice, bob.datagram);
  REQUIRE(established);
  const auto travels = [](SendKey& send, const ReceiveKey& receive) {
    auto nonce = send.nonces.next();
    REQUIRE(nonce);
    const std::uint64_t sequence = nonce->sequence();
    const auto header = encode_data_header(1, sequence);
    ByteVector sealed(2 + kTagBytes);
    seal(send, *std::move(nonce), header, common::as_bytes("hi"), sealed);
    ByteVector text(2);
    return open(receive, sequence, header, sealed, text) && common::as_text(text) == "hi";
  };
  CHECK(travels(established->keys.send, bob.keys.receive));
  CHECK(travels(bob.keys.send, established->keys.receive));
  CHECK_FALSE(travels(bob.keys.send, bob.keys.receive));
}

}  // namespace
