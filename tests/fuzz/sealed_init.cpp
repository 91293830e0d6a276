// INITs that a stranger with a session key of his own can make. The input is a script of edits to
// an INIT from alice to bob; then Noise's tags and mac1 are made right for it again, so that the
// edits reach what lies behind them:
//   h N V        byte N of the header becomes V, before the prologue is made
//   p N V        byte N of the payload (certificate and frames) becomes V
//   P N TEXT     TEXT is put into the payload at N
//   C N          the payload ends at N
//   s            the certificate is signed again
//   n N V        byte N of the Noise message becomes V, after its tags were made
//   t N V        byte N of token and mac1 becomes V, after mac1 was made
//   w            the wall clock is two days on
// N has two digits in base 36, V one (times 7, to reach all of a byte).
#include <algorithm>
#include <optional>

#include "peer/sealed/handshake_initiator.hpp"
#include "peer/sealed/handshake_responder.hpp"
#include "tests/fuzz/support/input.hpp"
#include "tests/fuzz/support/splitmix_random.hpp"

namespace {

using common::Bytes;
using common::ByteVector;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)

constexpr common::TimePoint kNow{std::chrono::hours(1)};
constexpr common::WallTime kWallNow{1'700'000'000'000};
constexpr common::WallTime kWallLater{1'700'000'000'000 + 2 * 86'400'000};

common::Secret secret_of(unsigned value) {
  std::array<std::byte, 32> bytes{};
  bytes.fill(static_cast<std::byte>(value));
  return common::Secret(bytes);
}

/// Everything that does not depend on the input: keys take longer to make than a run.
struct Fixed {
  common::Identity alice = common::Identity::from_seed(secret_of(0xa1));
  common::Identity bob = common::Identity::from_seed(secret_of(0xb1));
  NoiseKeyPair alice_session = NoiseKeyPair::of(secret_of(0xa2));
  NoiseKeyPair alice_ephemeral = NoiseKeyPair::of(secret_of(0xa3));
  common::UserName alice_name = *common::UserName::parse("alice");
  common::UserName bob_name = *common::UserName::parse("bob");
  fuzz::SplitmixRandom random;
  SessionKeyRing bob_keys{bob.clone(), bob_name, 0, random, kNow, kWallNow};
  ByteVector certificate =
      common::issue_certificate(alice, alice_name, alice_session.key, 1, 1'700'007'200);
};

Fixed& fixed() {
  static Fixed all;
  return all;
}

class Edited {
 public:
  explicit Edited(std::string_view script) {
    payload_ = fixed().certificate;
    common::ByteWriter(payload_).bytes(common::as_bytes("\x07hello"));
    const auto header = encode_init_header(0x11223344, fixed().bob_keys.current().id);
    header_.assign(header.begin(), header.end());
    fuzz::Script lines(script);
    while (auto line = lines.next()) edit(*line);
  }

  /// The INIT, if the edits have left it short enough for one.
  std::optional<ByteVector> init() const {
    if (kInitBytesMin + payload_.size() > kDatagramBytesMax) return std::nullopt;
    const Fixed& f = fixed();
    NoiseInitiator noise(f.alice_session, f.bob_keys.current().pair.key, f.alice_ephemeral.clone(),
                         prologue_of(header_, f.bob.key(), f.bob_name.text()));
    ByteVector out = header_;
    out.resize(kInitBytesMin + payload_.size());
    const auto message =
        std::span(out).subspan(kInitHeaderBytes, kNoiseMessage1Overhead + payload_.size());
    ENSURE(noise.write_message_1(payload_, message));
    for (const auto& [at, value] : noise_edits_) message[at % message.size()] = value;
    const Mac1 mac1 =
        mac1_of(f.bob_keys.current().mac1_key, Bytes(out).first(out.size() - kMac1Bytes));
    std::copy(mac1.begin(), mac1.end(), out.end() - kMac1Bytes);
    for (const auto& [at, value] : tail_edits_) out[out.size() - 32 + at % 32] = value;
    return out;
  }

  Bytes payload() const { return payload_; }
  bool is_later() const { return is_later_; }

 private:
  using Edits = std::vector<std::pair<std::size_t, std::byte>>;

  void edit(fuzz::ScriptLine& line) {
    const char call = line.call();
    if (call == 'w') is_later_ = true;
    if (call == 's') sign_again();
    const std::size_t at = line.number(36) * 36 + line.number(36);
    if (call == 'P') {
      const std::string text = line.text();
      if (payload_.size() + text.size() > 2 * kDatagramBytesMax) return;
      const Bytes bytes = common::as_bytes(text);
      payload_.insert(payload_.begin() + static_cast<std::ptrdiff_t>(at % (payload_.size() + 1)),
                      bytes.begin(), bytes.end());
    }
    if (call == 'C') payload_.resize(std::min(at, payload_.size()));
    const auto value = static_cast<std::byte>(line.number(36) * 7);
    if (call == 'h') header_[at % header_.size()] = value;
    if (call == 'p' && !payload_.empty()) payload_[at % payload_.size()] = value;
    if (call == 'n') noise_edits_.emplace_back(at, value);
    if (call == 't') tail_edits_.emplace_back(at, value);
  }

  /// A right signature of alice under whatever stands where a certificate's bytes would be.
  void sign_again() {
    if (payload_.size() < 5) return;
    const std::size_t size =
        common::kCertificateOverhead + std::to_integer<std::size_t>(payload_[4]);
    if (payload_.size() < size) return;
    ByteVector message = common::to_vector(std::string_view("UMC1-session-cert\0", 18));
    const Bytes body = Bytes(payload_).first(size - 64);
    message.insert(message.end(), body.begin(), body.end());
    const auto signature = fixed().alice.sign(message);
    std::copy(signature.begin(), signature.end(),
              payload_.begin() + static_cast<std::ptrdiff_t>(size - 64));
  }

  ByteVector header_;
  ByteVector payload_;
  Edits noise_edits_;
  Edits tail_edits_;
  bool is_later_ = false;
};

/// What a believed INIT must have been.
void check_believed(const Edited& edited, const IncomingHandshake& incoming) {
  common::ByteReader in(edited.payload());
  const auto certificate = common::read_certificate(in);
  ENSURE(certificate && certificate->identity == incoming.initiator().identity);
  ENSURE(certificate->session == fixed().alice_session.key);
  ENSURE(certificate->name.text() == incoming.initiator().name.text());
  ENSURE(!certificate->is_expired(edited.is_later() ? kWallLater : kWallNow));
  const Bytes frames = in.rest();
  ENSURE(
      std::equal(frames.begin(), frames.end(), incoming.frames().begin(), incoming.frames().end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Edited edited(fuzz::as_input(data, size));
  const auto datagram = edited.init();
  if (!datagram) return 0;
  const auto decoded = decode_datagram(*datagram);
  if (!decoded || !std::holds_alternative<Init>(*decoded)) return 0;
  const Init& init = std::get<Init>(*decoded);

  // A ring of its own with the same key is not needed: what is not answered is forgotten with the
  // responder, but for the ephemeral key, which the ring remembers.
  Fixed& f = fixed();
  f.random = fuzz::SplitmixRandom();
  SessionKeyRing keys(f.bob.clone(), f.bob_name, 0, f.random, kNow, kWallNow);
  ENSURE(keys.current().id == f.bob_keys.current().id);
  HandshakeResponder bob(keys, f.random, kNow);
  const common::Endpoint from{common::IpAddress::v4({192, 0, 2, 1}), 40001};
  const common::WallTime wall_now = edited.is_later() ? kWallLater : kWallNow;
  auto result = bob.handle_init(kNow, wall_now, from, init);
  if (const auto* reply = std::get_if<HandshakeResponder::Reply>(&result)) {
    ENSURE(reply->datagram.size() == kKeyHintBytes);  // nothing was answered, and nothing is busy
    return 0;
  }
  auto* incoming = std::get_if<IncomingHandshake>(&result);
  if (incoming == nullptr) {
    ENSURE(std::get<InitRefusal>(result) != InitRefusal::kTooMany);
    return 0;
  }
  check_believed(edited, *incoming);
  const std::size_t room = incoming->frames_bytes_max();
  const auto answer = bob.answer(kNow, std::move(*incoming), 5, ByteVector(room));
  ENSURE(answer.datagram.size() == datagram->size());
  // Once more: the same RESP, and nothing new.
  const auto again = bob.handle_init(kNow, wall_now, from, init);
  ENSURE(std::get<HandshakeResponder::Reply>(again).datagram == answer.datagram);
  return 0;
}
