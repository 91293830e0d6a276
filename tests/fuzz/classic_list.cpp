// Any text as an old registry's list: whole, re-written in both forms, and cut off anywhere, as a
// reader who reads only once gets it.
#include "common/classic_record.hpp"
#include "common/limits.hpp"
#include "tests/fuzz/support/input.hpp"

namespace {

using common::ClassicList;
using common::ClassicRecord;

bool is_same(const ClassicRecord& a, const ClassicRecord& b) {
  return a.name.text() == b.name.text() && a.endpoint == b.endpoint;
}

std::size_t count_items(std::string_view text) {
  std::size_t count = 0;
  bool in_item = false;
  for (const char c : text) {
    const bool is_separator = c == ',' || c == '\r' || c == '\n';
    if (!is_separator && !in_item) ++count;
    in_item = !is_separator;
  }
  return count;
}

void check_record(const ClassicRecord& record) {
  ENSURE(record.endpoint.address.is_unicast());
  ENSURE(record.endpoint.port >= common::kUserPortMin);
  const auto again =
      common::parse_classic_record(common::format_classic_record(record.name, record.endpoint));
  ENSURE(again && is_same(*again, record));
}

std::string render(const ClassicList& list, std::string_view separator) {
  std::string text;
  for (const ClassicRecord& record : list.records) {
    text += common::format_classic_record(record.name, record.endpoint);
    text += separator;
  }
  return text;
}

/// The first `count` records of both lists are the same.
void check_beginning(const ClassicList& a, const ClassicList& b, std::size_t count) {
  ENSURE(a.records.size() >= count && b.records.size() >= count);
  for (std::size_t i = 0; i < count; ++i) ENSURE(is_same(a.records[i], b.records[i]));
}

void check_rendered(const ClassicList& list, const std::string& text) {
  const ClassicList again = common::parse_classic_list(text);
  ENSURE(again.skipped == 0 && again.records.size() == list.records.size());
  check_beginning(again, list, list.records.size());
}

// A cut harms at most the item it goes through.
void check_cut(const ClassicList& list, std::string_view text, std::size_t cut) {
  const ClassicList part = common::parse_classic_list(text.substr(0, cut));
  ENSURE(part.records.size() <= list.records.size() + 1);
  ENSURE(part.skipped <= list.skipped + 1);
  check_beginning(part, list, part.records.empty() ? 0 : part.records.size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_input(data, size);
  const ClassicList list = common::parse_classic_list(input);
  ENSURE(list.records.size() + list.skipped == count_items(input));
  for (const ClassicRecord& record : list.records) check_record(record);
  for (const std::string_view separator : {",", "\n", "\r\n", ",\r\n"})
    check_rendered(list, render(list, separator));
  check_cut(list, input, input.size() / 2);
  check_cut(list, input, input.size() - input.size() / 8);
  return 0;
}
