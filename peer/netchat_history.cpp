#include "peer/netchat_history.hpp"

#include <algorithm>
#include <utility>

#include "common/safe_text.hpp"
#include "peer/typed_name.hpp"

namespace peer {

Correspondent correspondent_of(std::string_view name) {
  constexpr const char* kNobody = "?";  // no name can be this
  if (const auto parsed = parse_typed_name(name)) return {parsed->key(), parsed->text()};
  if (name.empty() || name == "user") return {kNobody, kNobody};
  // Old programs let more characters into names than the grammar does.
  return {std::string(name), std::string(name)};
}

void NetchatHistory::add_sent(const std::string& correspondent, std::string text, std::string id) {
  add(correspondent, {.entry = 0, .sender = {}, .text = std::move(text), .id = std::move(id)});
  talks_.at(correspondent).has_sent = true;
}

void NetchatHistory::add_received(const std::string& correspondent, std::string sender,
                                  std::string text, std::string id) {
  add(correspondent,
      {.entry = 0, .sender = std::move(sender), .text = std::move(text), .id = std::move(id)});
}

void NetchatHistory::add(const std::string& correspondent, Entry entry) {
  make_room_for(correspondent);
  Talk& talk = talks_[correspondent];
  entry.entry = talk.newest = ++last_entry_;
  talk.bytes += entry.bytes();
  bytes_ += entry.bytes();
  talk.entries.push_back(std::move(entry));
  if (talk.entries.size() > kEntriesPerCorrespondentMax) drop_oldest(talk);
  while (bytes_ > kBytesMax) {
    const auto largest = std::max_element(
        talks_.begin(), talks_.end(),
        [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
    drop_oldest(largest->second);
  }
}

void NetchatHistory::make_room_for(const std::string& correspondent) {
  if (talks_.size() < kCorrespondentsMax || talks_.contains(correspondent)) return;
  const auto first =
      std::min_element(talks_.begin(), talks_.end(), [](const auto& a, const auto& b) {
        return std::pair(a.second.has_sent, a.second.newest) <
               std::pair(b.second.has_sent, b.second.newest);
      });
  bytes_ -= first->second.bytes;
  talks_.erase(first);
}

void NetchatHistory::drop_oldest(Talk& talk) {
  const std::size_t bytes = talk.entries.front().bytes();
  talk.bytes -= bytes;
  bytes_ -= bytes;
  talk.entries.pop_front();
}

std::vector<std::string> NetchatHistory::lines(const std::string& correspondent) const {
  std::vector<std::string> lines;
  const auto talk = talks_.find(correspondent);
  if (talk == talks_.end()) return lines;
  for (const Entry& entry : talk->second.entries) {
    const std::string text = entry.is_deleted ? "Deleted" : common::to_terminal(entry.text);
    lines.push_back(text + " - " +
                    (entry.sender.empty() ? "user" : common::to_terminal(entry.sender, false)));
  }
  return lines;
}

std::optional<NetchatHistory::Sent> NetchatHistory::newest_sent(
    const std::string& correspondent) const {
  const auto talk = talks_.find(correspondent);
  if (talk == talks_.end()) return std::nullopt;
  const auto& entries = talk->second.entries;
  const auto found = std::find_if(entries.rbegin(), entries.rend(), [](const Entry& entry) {
    return entry.sender.empty() && !entry.is_deleted;
  });
  if (found == entries.rend()) return std::nullopt;
  return Sent{found->entry, found->id};
}

std::optional<NetchatHistory::EntryId> NetchatHistory::find_received(
    const std::string& correspondent, std::string_view id) const {
  const auto talk = talks_.find(correspondent);
  if (talk == talks_.end()) return std::nullopt;
  const auto& entries = talk->second.entries;
  const auto found = std::find_if(entries.rbegin(), entries.rend(), [&](const Entry& entry) {
    return !entry.sender.empty() && entry.id == id && !(id.empty() && entry.is_deleted);
  });
  if (found == entries.rend()) return std::nullopt;
  return found->entry;
}

void NetchatHistory::mark_deleted(const std::string& correspondent, EntryId id) {
  const auto found = talks_.find(correspondent);
  if (found == talks_.end()) return;
  Talk& talk = found->second;
  for (Entry& entry : talk.entries) {
    if (entry.entry != id) continue;
    const std::size_t before = entry.bytes();
    entry.is_deleted = true;
    entry.text.clear();
    entry.text.shrink_to_fit();
    talk.bytes -= before - entry.bytes();
    bytes_ -= before - entry.bytes();
  }
}

}  // namespace peer
