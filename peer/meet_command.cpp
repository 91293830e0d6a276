#include "peer/meet_command.hpp"

#include <algorithm>
#include <charconv>

#include "common/limits.hpp"
#include "common/rendezvous_frame.hpp"
#include "common/safe_text.hpp"

namespace peer {
namespace {

using Words = std::vector<std::string_view>;

Words split_words(std::string_view line) {
  Words words;
  for (;;) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin == line.npos) return words;
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

bool begins_with(const Words& words, std::initializer_list<std::string_view> first) {
  return words.size() >= first.size() && std::equal(first.begin(), first.end(), words.begin());
}

/// The only word behind the first `skipped`, if it is a name that can be asked for.
std::string_view only_name(const Words& words, std::size_t skipped) {
  if (words.size() != skipped + 1 || !is_askable_name(words.back())) return {};
  return words.back();
}

MeetCommand parse_group_answer(const Words& words, bool is_yes) {
  MeetGroupAnswer answer{.is_yes = is_yes};
  if (words.size() == 3) {
    const std::string_view digits = words[2];
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), answer.group);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) answer.group = 0;
  }
  if (answer.group == 0) return MeetUsage{is_yes ? "OK GROUP NUMBER" : "REJECT GROUP NUMBER"};
  return answer;
}

}  // namespace

bool is_askable_name(std::string_view name) {
  const auto is_plain = [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 0x7f && c != '|' && c != '&' && c != ':';
  };
  return !name.empty() && name.size() <= common::kNameBytesMax &&
         std::all_of(name.begin(), name.end(), is_plain) && common::is_harmless(name);
}

bool is_meet_text(std::string_view text) {
  if (text.empty() || text.size() > kMeetTextBytesMax || !common::is_utf8(text)) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if ((byte < ' ' && byte != '\t') || byte == 0x7f) return false;
    // C1: U+0080 to U+009F. 0xc2 begins a character, in what is UTF-8.
    if (byte == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0) return false;
  }
  return common::harmless_rendezvous_text(text).size() <= kMeetTextBytesMax;
}

MeetCommand parse_meet_command(std::string_view line, bool is_in_room) {
  const Words words = split_words(line);
  if (words.empty()) return MeetText{};
  const std::string_view first = words[0];
  if (words.size() == 1 && first == "LOGOUT") return MeetLogout{};
  if ((words.size() == 1 && first == "EXIT") ||
      (words.size() == 2 && begins_with(words, {"EXIT", "GROUP"}))) {
    return MeetExit{};
  }
  if (begins_with(words, {"OK", "GROUP"})) return parse_group_answer(words, true);
  if (begins_with(words, {"REJECT", "GROUP"})) return parse_group_answer(words, false);
  if (first == "SEARCH") {
    const auto name = only_name(words, 1);
    if (name.empty()) return MeetUsage{"SEARCH NAME"};
    return MeetSearch{std::string(name)};
  }
  if (begins_with(words, {"CHAT", "REQUEST"})) {
    const auto name = only_name(words, 2);
    if (name.empty()) return MeetUsage{"CHAT REQUEST NAME"};
    return MeetChatRequest{std::string(name)};
  }
  if (begins_with(words, {"GROUP", "CHAT"})) {
    MeetGroupChat group;
    group.names.assign(words.begin() + 2, words.end());
    const bool are_names = std::all_of(group.names.begin(), group.names.end(), is_askable_name);
    if (group.names.empty() || !are_names) return MeetUsage{"GROUP CHAT NAME NAME ..."};
    return group;
  }
  if (!is_in_room && (first == "OK" || first == "REJECT")) {
    const auto name = only_name(words, 1);
    if (name.empty()) return MeetUsage{std::string(first) + " NAME"};
    return MeetAnswer{std::string(name), first == "OK"};
  }
  return MeetText{std::string(line)};
}

}  // namespace peer
