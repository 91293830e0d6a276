#include "peer/meet_lookup.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/rendezvous_frame.hpp"

namespace peer {

using common::format_rendezvous_data;
using common::RendezvousKeyword;

MeetLookup::MeetLookup(MeetCommand command) : command_(std::move(command)) {
  if (const auto* search = std::get_if<MeetSearch>(&command_)) names_ = {search->name};
  if (const auto* request = std::get_if<MeetChatRequest>(&command_)) names_ = {request->name};
  if (const auto* answer = std::get_if<MeetAnswer>(&command_)) names_ = {answer->name};
  if (const auto* group = std::get_if<MeetGroupChat>(&command_))
    names_.assign(group->names.begin(), group->names.end());
}

std::string MeetLookup::question(const common::UserName& me) const {
  return format_rendezvous_data(RendezvousKeyword::kSearch, {names_.front(), me.text()});
}

std::string MeetLookup::take_answer(bool is_found) {
  std::string name = std::move(names_.front());
  names_.pop_front();
  if (is_found) found_.push_back(name);
  return name;
}

std::optional<std::string> MeetLookup::request(const common::UserName& me,
                                               std::uint16_t port) const {
  if (std::holds_alternative<MeetChatRequest>(command_))
    return format_rendezvous_data(RendezvousKeyword::kChatRequest, {found_[0], me.text()});
  if (const auto* answer = std::get_if<MeetAnswer>(&command_)) {
    if (!answer->is_yes)
      return format_rendezvous_data(RendezvousKeyword::kReject, {me.text(), found_[0]});
    return format_rendezvous_data(RendezvousKeyword::kOk,
                                  {me.text(), found_[0], fmt::format("{}", port)});
  }
  if (!is_group()) return std::nullopt;
  std::string data = format_rendezvous_data(RendezvousKeyword::kGroupChat, {me.text()});
  for (const std::string& name : found_) data += '|' + name;
  return data + '|';  // old registries lose the last name without
}

}  // namespace peer
