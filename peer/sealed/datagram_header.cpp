#include "peer/sealed/datagram_header.hpp"

#include <algorithm>

#include "common/byte_codec.hpp"

namespace peer::sealed {
namespace {

using common::ByteReader;
using common::Bytes;
using common::expected;
using common::unexpected;

enum DatagramType : std::uint8_t { kInit = 1, kResp = 2, kData = 3, kRetry = 4, kKeyHint = 5 };

constexpr std::size_t kCommonBytes = 4;  // mark, type, version, zero

/// Fixed-size fields written one after the other: a datagram's header is made for each datagram, so
/// it should cost no allocation.
template <std::size_t N>
class Fixed {
 public:
  explicit Fixed(DatagramType type) {
    out_[0] = kSealedMark;
    out_[1] = std::byte{type};
    out_[2] = std::byte{kProtocolVersion};
  }

  template <typename Integer>
  Fixed& add(Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i)
      out_[at_++] = static_cast<std::byte>((value >> (8 * i)) & 0xff);
    return *this;
  }

  Fixed& add(Bytes bytes) {
    std::copy(bytes.begin(), bytes.end(), out_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += bytes.size();
    return *this;
  }

  std::array<std::byte, N> done() const {
    ENSURE(at_ == N);
    return out_;
  }

 private:
  std::array<std::byte, N> out_{};
  std::size_t at_ = kCommonBytes;
};

Datagram read_init(Bytes datagram) {
  ByteReader in(datagram.subspan(kCommonBytes));
  Init init;
  init.sender_index = in.u32();
  init.recipient_key = in.array<8>();
  init.header = datagram.first(kInitHeaderBytes);
  init.noise = in.bytes(in.remaining() - kTokenBytes - kMac1Bytes);
  init.token = in.array<kTokenBytes>();
  init.mac1 = in.array<kMac1Bytes>();
  init.before_mac1 = datagram.first(datagram.size() - kMac1Bytes);
  return init;
}

Datagram read_resp(Bytes datagram) {
  ByteReader in(datagram.subspan(kCommonBytes));
  Resp resp;
  resp.sender_index = in.u32();
  resp.receiver_index = in.u32();
  resp.header = datagram.first(kRespHeaderBytes);
  resp.noise = in.rest();
  return resp;
}

Datagram read_data(Bytes datagram) {
  ByteReader in(datagram.subspan(kCommonBytes));
  Data data;
  data.receiver_index = in.u32();
  data.sequence = in.u64();
  data.header = datagram.first(kDataHeaderBytes);
  data.sealed = in.rest();
  return data;
}

Datagram read_retry(Bytes datagram) {
  ByteReader in(datagram.subspan(kCommonBytes));
  Retry retry;
  retry.receiver_index = in.u32();
  retry.token = in.array<kTokenBytes>();
  return retry;
}

Datagram read_key_hint(Bytes datagram) {
  ByteReader in(datagram.subspan(kCommonBytes));
  KeyHint hint;
  hint.receiver_index = in.u32();
  hint.unknown_key = in.array<8>();
  return hint;
}

struct Shape {
  DatagramType type;
  std::size_t bytes_min;
  std::size_t bytes_max;
  Datagram (*read)(Bytes);
};

constexpr std::array<Shape, 5> kShapes = {{
    {kInit, kInitBytesMin, kDatagramBytesMax, read_init},
    {kResp, kRespBytesMin, kDatagramBytesMax, read_resp},
    {kData, kDataBytesMin, static_cast<std::size_t>(-1), read_data},
    {kRetry, kRetryBytes, kRetryBytes, read_retry},
    {kKeyHint, kKeyHintBytes, kKeyHintBytes, read_key_hint},
}};

}  // namespace

std::string_view to_string(HeaderError error) {
  switch (error) {
    case HeaderError::kNotSealed:
      return "not a sealed datagram";
    case HeaderError::kBadLength:
      return "wrong length for its type";
    case HeaderError::kUnknownType:
      return "unknown type";
    case HeaderError::kUnknownVersion:
      return "unknown version";
    case HeaderError::kReservedByteNotZero:
      return "reserved byte is not zero";
  }
  return "unknown error";
}

expected<Datagram, HeaderError> decode_datagram(Bytes datagram) {
  if (!is_sealed(datagram)) return unexpected{HeaderError::kNotSealed};
  if (datagram.size() < kCommonBytes) return unexpected{HeaderError::kBadLength};
  // The version first: another one may number its types in another way.
  if (datagram[2] != std::byte{kProtocolVersion}) return unexpected{HeaderError::kUnknownVersion};
  if (datagram[3] != std::byte{0}) return unexpected{HeaderError::kReservedByteNotZero};
  const auto type = std::to_integer<std::uint8_t>(datagram[1]);
  for (const Shape& shape : kShapes) {
    if (shape.type != type) continue;
    if (datagram.size() < shape.bytes_min || datagram.size() > shape.bytes_max)
      return unexpected{HeaderError::kBadLength};
    return shape.read(datagram);
  }
  return unexpected{HeaderError::kUnknownType};
}

std::array<std::byte, kInitHeaderBytes> encode_init_header(SessionIndex sender_index,
                                                           const KeyId& recipient_key) {
  return Fixed<kInitHeaderBytes>(kInit).add(sender_index).add(Bytes(recipient_key)).done();
}

std::array<std::byte, kRespHeaderBytes> encode_resp_header(SessionIndex sender_index,
                                                           SessionIndex receiver_index) {
  return Fixed<kRespHeaderBytes>(kResp).add(sender_index).add(receiver_index).done();
}

std::array<std::byte, kDataHeaderBytes> encode_data_header(SessionIndex receiver_index,
                                                           std::uint64_t sequence) {
  return Fixed<kDataHeaderBytes>(kData).add(receiver_index).add(sequence).done();
}

std::array<std::byte, kRetryBytes> encode_retry(const Retry& retry) {
  return Fixed<kRetryBytes>(kRetry).add(retry.receiver_index).add(Bytes(retry.token)).done();
}

std::array<std::byte, kKeyHintBytes> encode_key_hint(const KeyHint& hint) {
  return Fixed<kKeyHintBytes>(kKeyHint)
      .add(hint.receiver_index)
      .add(Bytes(hint.unknown_key))
      .done();
}

}  // namespace peer::sealed
