#include "registry/group.hpp"

namespace registry {

bool Group::invite(const Directory& directory, const Record& record) {
  const std::string& key = record.user.name.key();
  if (const auto held = guests_.find(key); held != guests_.end()) {
    held->second.order = record.order;
    return true;
  }
  if (guests_.size() >= kGuestsMax) for_each_guest(directory, [](const Record&) {});
  if (guests_.size() >= kGuestsMax) return false;
  guests_.emplace(key, Guest{record.user.name, record.order});
  return true;
}

const Record* Group::find(const Directory& directory, const Guest& guest) {
  const Record* record = directory.find(guest.name);
  return record != nullptr && record->order == guest.order ? record : nullptr;
}

}  // namespace registry
