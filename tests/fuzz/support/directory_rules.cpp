#include "tests/fuzz/support/directory_rules.hpp"

#include <set>

#include "common/check.hpp"
#include "common/classic_record.hpp"
#include "common/limits.hpp"
#include "common/user_json.hpp"
#include "registry/list_view.hpp"

namespace fuzz {
namespace {

std::size_t count_shown(const registry::Directory& directory, const registry::View& view) {
  std::size_t count = 0;
  directory.for_each([&](const registry::Record& record) {
    if (registry::show(record, view)) ++count;
  });
  return count;
}

using registry::Directory;
using registry::ListForm;
using registry::Record;
using registry::View;

bool is_same(const common::User& user, const common::UserName& name,
             const common::Endpoint& endpoint) {
  return user.name.text() == name.text() && user.endpoint == endpoint;
}

/// The list's text has exactly the records that the view shows.
void ensure_text_list(const Directory& directory, ListForm form, const View& view) {
  const auto list = common::parse_classic_list(registry::render_list(directory, form, view));
  ENSURE(list.skipped == 0);
  std::size_t index = 0;
  directory.for_each([&](const Record& record) {
    const auto user = registry::show(record, view);
    if (!user) return;
    ENSURE(index < list.records.size());
    ENSURE(is_same(*user, list.records[index].name, list.records[index].endpoint));
    ++index;
  });
  ENSURE(index == list.records.size());
  ENSURE(index == count_shown(directory, view));
}

void ensure_json_list(const Directory& directory, const std::string& text) {
  const auto list = common::decode_user_list(text);
  ENSURE(list && list->full && list->version == directory.version());
  ENSURE(list->users.size() == directory.size());
  std::size_t index = 0;
  directory.for_each([&](const Record& record) {
    const common::User& user = list->users[index++];
    ENSURE(is_same(user, record.user.name, record.user.endpoint));
    ENSURE(user.transport == record.user.transport && user.door == record.user.door);
  });
}

}  // namespace

void ensure_directory_rules(const Directory& directory) {
  std::set<std::string> keys;
  std::set<registry::Version> versions;
  std::set<registry::RegistrationId> ids;
  registry::Version last_order = 0;
  directory.for_each([&](const Record& record) {
    ENSURE(keys.insert(record.user.name.key()).second);
    ENSURE(versions.insert(record.version).second);
    ENSURE(ids.insert(record.id).second);
    ENSURE(record.order > last_order);
    last_order = record.order;
    ENSURE(record.order <= record.version && record.version <= directory.version());
    ENSURE(directory.find(record.user.name) == &record);
    ENSURE(record.user.endpoint.address.is_unicast());
    ENSURE(record.user.endpoint.port >= common::kUserPortMin);
  });
  ENSURE(keys.size() == directory.size() && directory.snapshot().size() == directory.size());
}

void ensure_lists(const Directory& directory) {
  using common::Transport;
  ensure_text_list(directory, ListForm::kComma, {});
  ensure_text_list(directory, ListForm::kComma, {.transport = Transport::kUdp});
  ensure_text_list(directory, ListForm::kLines, {.transport = Transport::kTcp});
  const auto local = common::IpAddress::v4({192, 0, 2, 10});
  ensure_text_list(directory, ListForm::kLines, {.with_ipv6 = false, .loopback_as = local});
  ensure_json_list(directory, registry::render_list(directory, ListForm::kJson, {}));
}

void ensure_old_list(const Directory& directory, std::string_view answer) {
  constexpr std::size_t kSingleReadBytes = 2048;
  const View view{.transport = common::Transport::kUdp, .with_ipv6 = false, .loopback_as = {}};
  const auto head_end = answer.find("\r\n\r\n");
  ENSURE(head_end != answer.npos && head_end + 4 <= kSingleReadBytes);
  const auto whole = common::parse_classic_list(answer.substr(head_end + 4));
  ENSURE(whole.skipped == 0 && whole.records.size() == count_shown(directory, view));

  // The old program: one read, the line after the first empty line, items up to the first empty
  // one.
  std::string_view line = answer.substr(0, kSingleReadBytes).substr(head_end + 4);
  line = line.substr(0, line.find("\r\n"));
  std::size_t index = 0;
  while (!line.empty()) {
    const auto comma = line.find(',');
    const std::string_view item = line.substr(0, comma);
    if (item.empty()) break;
    ENSURE(index < whole.records.size());
    const common::ClassicRecord& record = whole.records[index++];
    ENSURE(item == common::format_classic_record(record.name, record.endpoint));
    line = comma == line.npos ? std::string_view() : line.substr(comma + 1);
  }
  if (answer.size() <= kSingleReadBytes) ENSURE(index == whole.records.size());
}

}  // namespace fuzz
