// Any bytes as a sealed datagram: what is accepted encodes to itself.
#include <algorithm>

#include "peer/sealed/datagram_header.hpp"
#include "tests/fuzz/support/input.hpp"

namespace {

using common::Bytes;
using namespace peer::sealed;  // NOLINT(google-build-using-namespace)

/// `parts` one after the other are exactly `whole`, and are views into it, not copies.
void check_parts(Bytes whole, std::initializer_list<Bytes> parts) {
  const std::byte* at = whole.data();
  for (const Bytes part : parts) {
    ENSURE(part.data() == at);
    at += part.size();
  }
  ENSURE(at == whole.data() + whole.size());
}

template <std::size_t N>
void check_bytes(const std::array<std::byte, N>& encoded, Bytes expected) {
  ENSURE(std::equal(encoded.begin(), encoded.end(), expected.begin(), expected.end()));
}

void check(Bytes all, const Init& init) {
  ENSURE(all.size() >= kInitBytesMin && all.size() <= kDatagramBytesMax);
  check_bytes(encode_init_header(init.sender_index, init.recipient_key), init.header);
  check_parts(all, {init.header, init.noise, all.last(32)});
  check_parts(all, {init.before_mac1, all.last(kMac1Bytes)});
  check_bytes(init.token, all.last(32).first(kTokenBytes));
  check_bytes(init.mac1, all.last(kMac1Bytes));
  ENSURE(init.noise.size() >= kNoiseMessage1Overhead);
}

void check(Bytes all, const Resp& resp) {
  ENSURE(all.size() >= kRespBytesMin && all.size() <= kDatagramBytesMax);
  check_bytes(encode_resp_header(resp.sender_index, resp.receiver_index), resp.header);
  check_parts(all, {resp.header, resp.noise});
}

void check(Bytes all, const Data& data) {
  check_bytes(encode_data_header(data.receiver_index, data.sequence), data.header);
  check_parts(all, {data.header, data.sealed});
  ENSURE(data.sealed.size() >= 16);
}

void check(Bytes all, const Retry& retry) { check_bytes(encode_retry(retry), all); }
void check(Bytes all, const KeyHint& hint) { check_bytes(encode_key_hint(hint), all); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input = common::as_bytes(fuzz::as_input(data, size));
  const auto decoded = decode_datagram(input);
  ENSURE(decoded || !to_string(decoded.error()).empty());
  if (!decoded) {
    ENSURE(is_sealed(input) != (decoded.error() == HeaderError::kNotSealed));
    return 0;
  }
  ENSURE(is_sealed(input));
  std::visit([input](const auto& datagram) { check(input, datagram); }, *decoded);
  return 0;
}
