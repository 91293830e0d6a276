#include "peer/sealed/handshake_bytes.hpp"

#include <algorithm>

#include "common/byte_codec.hpp"

namespace peer::sealed {
namespace {

constexpr std::string_view kMark = "UMC1";
constexpr std::string_view kMac1Domain = "UMC1-mac1";

}  // namespace

KeyId key_id_of(const common::ExchangeKey& session) {
  const auto hash = common::sha256({session.bytes});
  KeyId id{};
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

Mac1Key mac1_key_of(const common::ExchangeKey& session) {
  return common::sha256({common::as_bytes(kMac1Domain), session.bytes});
}

Mac1 mac1_of(const Mac1Key& key, common::Bytes before_mac1) {
  return common::blake2b_128(key, {before_mac1});
}

common::ByteVector prologue_of(common::Bytes init_header, const common::IdentityKey& recipient,
                               std::string_view recipient_name) {
  common::ByteVector out;
  common::ByteWriter write(out);
  write.bytes(common::as_bytes(kMark));
  write.bytes(init_header);
  write.bytes(recipient.bytes);
  write.u8(static_cast<std::uint8_t>(recipient_name.size()));
  write.bytes(common::as_bytes(recipient_name));
  return out;
}

}  // namespace peer::sealed
