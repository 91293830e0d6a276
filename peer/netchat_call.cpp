#include "peer/netchat_call.hpp"

#include "common/netchat_message.hpp"

namespace peer {

std::optional<NetchatCall::Outcome> NetchatCall::handle_bytes(std::string_view bytes) {
  reply_ += bytes.substr(0, common::kNetchatReplyBytesMax + 1 - reply_.size());
  const auto reply = common::decode_netchat_reply(reply_, id_);
  if (reply == common::NetchatReply::kTaken) return Outcome{Outcome::Kind::kTaken};
  if (reply == common::NetchatReply::kRefused) return Outcome{Outcome::Kind::kRefused};
  if (reply_.size() > common::kNetchatReplyBytesMax) return Outcome{Outcome::Kind::kForeign};
  return std::nullopt;
}

std::optional<NetchatCall::Outcome> NetchatCall::handle_closed(TimePoint now,
                                                               std::string_view why) {
  if (!reply_by_ || !why.empty()) return Outcome{Outcome::Kind::kFailed, std::string(why)};
  if (!reply_.empty()) return Outcome{Outcome::Kind::kForeign};
  // Closed by the shell because the other side did not.
  const bool is_read = !closed_at_ || now - *closed_at_ < Conversation::kCloseTime;
  return Outcome{is_read ? Outcome::Kind::kHanded : Outcome::Kind::kNoAnswer};
}

bool NetchatCall::closes_link(TimePoint now) {
  if (closed_at_ || !reply_by_ || now < *reply_by_) return false;
  closed_at_ = now;
  return true;
}

}  // namespace peer
