#include "peer/delivery.hpp"

#include <fmt/format.h>

#include "common/user_json.hpp"

namespace peer {

using common::ExitStatus;

std::string_view to_string(DeliveryLevel level) {
  switch (level) {
    case DeliveryLevel::kSent:
      return "sent";
    case DeliveryLevel::kDelivered:
      return "delivered";
    case DeliveryLevel::kHandled:
      return "handled";
  }
  return "unknown";
}

std::string to_json(const std::string& name, const Delivery& delivery, bool is_sealed) {
  constexpr bool kAscii = true;  // a terminal may read this too
  std::string text = fmt::format(
      R"({{"v":1,"event":"sent","to":{},"ok":{},"status":{})", common::json_string(name, kAscii),
      delivery.status == ExitStatus::kOk, static_cast<int>(delivery.status));
  if (!delivery.id.empty()) text += fmt::format(R"(,"id":"{}")", delivery.id);
  if (delivery.status == ExitStatus::kOk)
    text += fmt::format(R"(,"level":"{}")", to_string(delivery.level));
  if (!delivery.path.empty()) text += fmt::format(R"(,"path":"{}")", delivery.path);
  if (delivery.round_trip) {
    text += fmt::format(R"(,"rtt_ms":{:.3f})",
                        std::chrono::duration<double, std::milli>(*delivery.round_trip).count());
  }
  if (!delivery.trust.empty()) text += fmt::format(R"(,"trust":"{}")", delivery.trust);
  if (delivery.hook_status) text += fmt::format(R"(,"hook_status":{})", *delivery.hook_status);
  if (!delivery.output.empty())
    text += fmt::format(R"(,"output":{})", common::json_string(delivery.output, kAscii));
  if (!delivery.reason.empty())
    text += fmt::format(R"(,"reason":{})", common::json_string(delivery.reason, kAscii));
  return text + fmt::format(R"(,"sealed":{}}})", is_sealed);
}

}  // namespace peer
