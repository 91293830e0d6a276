// The vectors of docs/protocol/sealed-datagram.md with our code; scripts/check-vectors recomputes
// them without it.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "peer/sealed/aead.hpp"
#include "peer/sealed/frames.hpp"
#include "peer/sealed/replay_window.hpp"
#include "peer/sealed/signed_receipt.hpp"
#include "tests/unit/support/handshake_pair.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)
using test::from_hex;
using test::to_hex;

struct PageVector {
  std::string title;
  std::map<std::string, std::string> values;

  const std::string& text(const std::string& key) const {
    const auto it = values.find(key);
    REQUIRE_MESSAGE(it != values.end(), key);
    return it->second;
  }
  ByteVector bytes(const std::string& key) const { return from_hex(text(key)); }
  std::uint64_t number(const std::string& key) const {
    return std::stoull(text(key), nullptr, /*base=*/0);
  }
};

/// The page's blocks that begin with "vector "; a line that begins with a blank goes on with a
/// value.
std::vector<PageVector> page_vectors() {
  std::ifstream page(SEALED_DATAGRAM_PAGE);
  REQUIRE(page.good());
  std::vector<PageVector> vectors;
  bool is_inside = false;
  std::string* value = nullptr;
  for (std::string line, last; std::getline(page, line); last = line) {
    if (last == "```" && line.starts_with("vector ")) {
      is_inside = true;
      vectors.push_back({line, {}});
      continue;
    }
    if (line == "```") is_inside = false;
    if (!is_inside) continue;
    if (line.starts_with(' ')) {
      REQUIRE(value != nullptr);
      *value += line.substr(line.find_first_not_of(' '));
      continue;
    }
    const auto equals = line.find(" = ");
    REQUIRE(equals != std::string::npos);
    value = &vectors.back().values[line.substr(0, equals)];
    *value = line.substr(equals + 3);
  }
  return vectors;
}

std::vector<PageVector> vectors_of(std::string_view kind) {
  std::vector<PageVector> found;
  for (PageVector& vector : page_vectors())
    if (vector.title.ends_with(kind)) found.push_back(std::move(vector));
  REQUIRE_FALSE(found.empty());
  return found;
}

/// A DATA sealed with the next sequence of `key`.
ByteVector sealed_data(SendKey& key, SessionIndex index, const ByteVector& frames) {
  auto nonce = key.nonces.next();
  REQUIRE(nonce);
  const auto header = encode_data_header(index, nonce->sequence());
  ByteVector datagram(header.begin(), header.end());
  datagram.resize(header.size() + frames.size() + kTagBytes);
  seal(key, *std::move(nonce), header, frames, std::span(datagram).subspan(header.size()));
  return datagram;
}

TEST_CASE("the page's handshake is ours, byte by byte") {
  for (const PageVector& vector : vectors_of("handshake")) {
    CAPTURE(vector.title);
    test::HandshakePair pair;
    for (auto* process : {&pair.alice, &pair.bob}) {
      const std::string name = process->ring.name().text();
      CAPTURE(name);
      const OwnSessionKey& key = process->ring.current();
      CHECK(to_hex(process->ring.identity().seed().bytes()) ==
            vector.text(name + " identity seed"));
      CHECK(to_hex(process->ring.identity().key().bytes) == vector.text(name + " identity"));
      CHECK(to_hex(key.pair.secret.bytes()) == vector.text(name + " session secret"));
      CHECK(to_hex(key.pair.key.bytes) == vector.text(name + " session"));
      CHECK(to_hex(key.id) == vector.text(name + " key id"));
      CHECK(to_hex(key.certificate) == vector.text(name + " certificate"));
      CHECK(key.serial == vector.number("serial"));
    }
    REQUIRE(vector.number("alice index") == 0x11223344);
    REQUIRE(vector.number("bob index") == 0x55667788);

    HandshakeInitiator alice = pair.initiate(vector.bytes("INIT frames"), 0xa3);
    CHECK(to_hex(alice.datagram()) == vector.text("INIT"));
    CHECK(to_hex(prologue_of(alice.datagram().first(kInitHeaderBytes),
                             pair.bob.ring.identity().key(), "bob")) == vector.text("prologue"));
    auto result = pair.give_bob(alice.datagram());
    auto bob = pair.answer(std::move(result), vector.bytes("RESP frames"));
    CHECK(to_hex(bob.datagram) == vector.text("RESP"));

    const Token token = test::array_from_hex<16>(vector.text("RETRY token"));
    CHECK(to_hex(encode_retry({alice.own_index(), token})) == vector.text("RETRY"));
    CHECK(to_hex(encode_key_hint({alice.own_index(), pair.bob.ring.current().id})) ==
          vector.text("KEYHINT"));
    REQUIRE(alice.handle_retry({alice.own_index(), token}));
    CHECK(to_hex(alice.datagram()) == vector.text("INIT with token"));

    auto established = test::give_resp(alice, bob.datagram);
    REQUIRE(established);
    CHECK(to_hex(established->keys.send.key.bytes()) == vector.text("key alice to bob"));
    CHECK(to_hex(established->keys.receive.key.bytes()) == vector.text("key bob to alice"));
    CHECK(to_hex(sealed_data(established->keys.send, 0x55667788,
                             vector.bytes("alice DATA frames"))) == vector.text("alice DATA"));
    CHECK(to_hex(sealed_data(bob.keys.send, 0x11223344, vector.bytes("bob DATA frames"))) ==
          vector.text("bob DATA"));
    for (const char* frames :
         {"INIT frames", "RESP frames", "alice DATA frames", "bob DATA frames"}) {
      CAPTURE(frames);
      CHECK(decode_frames(vector.bytes(frames)));
    }
  }
}

TEST_CASE("the page's forms of identities and its signed request are ours") {
  for (const PageVector& vector : vectors_of("identity")) {
    const auto identity = [&](const std::string& name) {
      return common::Identity::from_seed(
          common::Secret(test::array_from_hex<32>(vector.text(name + " identity seed"))));
    };
    const common::Identity alice = identity("alice");
    const common::Identity bob = identity("bob");
    CHECK(common::format_identity_key(alice.key()) == vector.text("alice in files"));
    CHECK(common::format_identity_key(bob.key()) == vector.text("bob in files"));
    CHECK(common::format_fingerprint(alice.key()) == vector.text("alice fingerprint"));
    CHECK(common::format_fingerprint(bob.key()) == vector.text("bob fingerprint"));
    CHECK(common::safety_number({alice.key(), "alice"}, {bob.key(), "bob"}) ==
          vector.text("safety number"));
    CHECK(common::safety_number({alice.key(), "bob"}, {bob.key(), "bob"}) ==
          vector.text("safety number of two bobs"));
    const ByteVector signed_bytes =
        common::signed_request_bytes({.host = vector.text("request host"),
                                      .method = vector.text("request method"),
                                      .path = vector.text("request target"),
                                      .body = vector.text("request body"),
                                      .serial = vector.number("request serial")});
    CHECK(to_hex(signed_bytes) == vector.text("request signed"));
    CHECK(to_hex(alice.sign(signed_bytes)) == vector.text("request signature"));
  }
}

TEST_CASE("the page's signed receipt is ours") {
  for (const PageVector& vector : vectors_of("receipt")) {
    const auto identity_of = [&](const std::string& name) {
      return common::Identity::from_seed(
          common::Secret(test::array_from_hex<32>(vector.text(name + " identity seed"))));
    };
    const auto bob = identity_of("bob");
    const ByteVector body = vector.bytes("body");
    const auto receipt = decode_receipt(MessageKind::kSignedReceipt, body);
    REQUIRE(receipt.has_value());
    CHECK(receipt->result == static_cast<HandledResult>(vector.number("result")));
    CHECK(receipt->status == vector.number("status"));
    CHECK(receipt->evidence->time.unix_ms == static_cast<std::int64_t>(vector.number("time")));
    CHECK(common::as_text(receipt->output) == vector.text("output"));
    CHECK(to_hex(encode_receipt(*receipt)) == vector.text("body"));
    const ReceiptStatement statement{
        .id = receipt->id,
        .sender = {*common::UserName::parse("alice"), identity_of("alice").key()},
        .recipient = {*common::UserName::parse("bob"), bob.key()},
        .kind = static_cast<MessageKind>(vector.number("kind")),
        .result = receipt->result,
        .status = receipt->status,
        .time = receipt->evidence->time,
        .text = digest_of(common::as_bytes(vector.text("text"))),
        .output = digest_of(receipt->output)};
    CHECK(to_hex(sign_receipt(bob, statement)) == vector.text("signature"));
    CHECK(verify_receipt(statement, receipt->evidence->signature));
  }
}

TEST_CASE("the page's window accepts and refuses what ours does") {
  for (const PageVector& vector : vectors_of("window")) {
    CAPTURE(vector.title);
    ReplayWindow window;
    std::istringstream steps(vector.text("steps"));
    int count = 0;
    for (std::string step; steps >> step; ++count) {
      CAPTURE(step);
      const bool is_refused = step.back() == 'r';
      std::string number = step.substr(0, step.size() - 1);
      std::uint64_t sequence = 0;
      if (number.starts_with("2^60")) {
        sequence = kSequenceEnd;
        number = number.substr(4);
      }
      // An offset below 2^60 wraps around to what is meant.
      if (!number.empty()) sequence += static_cast<std::uint64_t>(std::stoll(number));
      REQUIRE(window.has_seen(sequence) == is_refused);
      if (!is_refused) window.mark(sequence);
    }
    CHECK(count > 5);
  }
}

}  // namespace
