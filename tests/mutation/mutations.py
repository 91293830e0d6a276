"""Protective lines of the product, each with a way to break it and the tests that have to notice.

`old` must stand in the file exactly once: when the code changes, this list changes with it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One protective line and its sabotage."""

    name: str
    file: str
    old: str
    new: str
    tests: str  # a ctest -R expression; at least one of these tests must fail


MUTATIONS = [
    Mutation(
        "a name is taken without its owner's token",
        "registry/directory.cpp",
        "if (held == nullptr || owns_by_token(held->record, caller))",
        "if (held == nullptr || held != nullptr || owns_by_token(held->record, caller))",
        "unit|sim",
    ),
    Mutation(
        "anybody may log anybody out",
        "registry/directory.cpp",
        "(!owns_by_token(held->record, caller) && caller.source != held->record.source)) {",
        "(owns_by_token(held->record, caller) && caller.source.is_v6() && false)) {",
        "unit|sim",
    ),
    Mutation(
        "an address of somebody else may be registered",
        "registry/directory.cpp",
        "return source.is_private() && address.is_private();",
        "return source.is_private() || !address.is_private() || address.is_private();",
        "unit|directory_rules",
    ),
    Mutation(
        "a change enters the directory before it is on disk",
        "registry/node.cpp",
        ".kind = Release::Kind::kFailed});",
        ".kind = Release::Kind::kCommitted});",
        "unit|sim|durability|store",
    ),
    Mutation(
        "commits are not synchronised to the disk",
        "registry/store/sqlite_database.cpp",
        '"PRAGMA synchronous=FULL", kSchema}) {',
        '"PRAGMA synchronous=OFF", kSchema}) {',
        "store|durability|disk",
    ),
    Mutation(
        "userlist.txt is renamed without being synchronised",
        "common/os/atomic_file.cpp",
        "if (::fsync(file.get()) != 0) return last_error();",
        "",
        "store|disk|atomic|durability",
    ),
    Mutation(
        "a body may be longer than the limit",
        "registry/http/http_framing.cpp",
        "if (error != std::errc() || body_bytes_ > kBodyBytesMax) {",
        "if (error != std::errc()) {",
        "unit|http",
    ),
    Mutation(
        "a chunk size may have a sign or an extension",
        "registry/http/http_framing.cpp",
        'line.find_first_not_of("0123456789abcdefABCDEF") == line.npos;',
        "true;",
        "unit|http|fuzz",
    ),
    Mutation(
        "pages of other origins may act",
        "registry/http/http_api.cpp",
        "if (is_foreign_origin || is_foreign_site)",
        "if (is_foreign_origin && is_foreign_site)",
        "unit|http",
    ),
    Mutation(
        "control characters reach the terminal",
        "common/safe_text.cpp",
        "return (c < 0x20 && !(c == '\\t' && tab_allowed)) || c == 0x7f;",
        "return c == 0x7f && tab_allowed;",
        "unit|fuzz|peer_listen",
    ),
    Mutation(
        "the old programs' list is cut in the middle of a record",
        "registry/list_view.cpp",
        "if (out.size() < room) out.append(room - out.size(), ',');",
        "",
        "unit|http_replay",
    ),
    Mutation(
        "a lease never ends",
        "registry/directory.cpp",
        "if (entry->lease_end > now) {",
        "if (entry->lease_end >= TimePoint::min()) {",
        "unit|sim",
    ),
    Mutation(
        "a late receipt is taken for a later message's",
        "registry/doors/push_link.cpp",
        "if (++received_ > owed_) {",
        "if (++received_ > 0) {",
        "unit.push_link|sim_door",
    ),
    Mutation(
        "a line is pushed before the receipt of the last",
        "registry/doors/push_link.cpp",
        "if (line_ || is_frozen_) return nullptr;",
        "if (is_frozen_) return nullptr;",
        "unit.push_link|sim_door|fuzz.two_connection",
    ),
    Mutation(
        "a text of a chat that is over is for the next partner",
        "registry/doors/rendezvous_messages.cpp",
        "if (link.owner != 0) return chat != 0 && link.chat == chat;",
        "if (link.owner != 0) return chat != 0;",
        "unit.doors.rendezvous|integration.test_rendezvous$",
    ),
    Mutation(
        "a connection that an earlier chat made is the next one's",
        "registry/doors/rendezvous_messages.cpp",
        "link.relay_port != user.relay_port || link.newest_chat < chat",
        "link.newest_chat + 1 == 0",
        "unit.doors.rendezvous|integration.test_rendezvous$",
    ),
    Mutation(
        "the registry dials its own ports",
        "registry/doors/two_connection.cpp",
        "if (line.port < common::kUserPortMin || is_own || is_full) {",
        "if (line.port < common::kUserPortMin || is_full) {",
        "doors|two_connection",
    ),
    Mutation(
        "anybody may speak in a known user's name",
        "registry/gateway.cpp",
        "if (!directory_.may_speak_as(*from, {.source = source, .token = std::nullopt}))",
        "if (from->text().empty())",
        "unit.hub|test_hub",
    ),
    Mutation(
        "a second login takes the name of one who is there",
        "registry/doors/two_connection_login.cpp",
        "if (contender != nullptr) refuse_login(now, *contender, LoginRefusal::kInUse);",
        "if (contender != nullptr) end_client(now, *first, true);",
        "doors|two_connection",
    ),
    Mutation(
        "control characters go through to old programs",
        "registry/doors/two_connection_lines.cpp",
        "if (!is_message_text(line)) return UnrecognizedLine{};",
        "",
        "doors|two_connection",
    ),
    Mutation(
        "many wrong passwords are told at once",
        "registry/doors/two_connection_login.cpp",
        "if (delay == Duration::zero()) return refuse_login(now, client, LoginRefusal::kPassword);",
        "if (delay >= Duration::zero()) return refuse_login(now, client, LoginRefusal::kPassword);",
        "doors|two_connection",
    ),
    Mutation(
        "control characters reach the room as they are",
        "registry/doors/room.cpp",
        "if (!is_message_text(text)) {",
        "if (text.empty()) {",
        "doors|room",
    ),
    Mutation(
        "a long line's parts do not say whose they are",
        "registry/doors/room_lines.cpp",
        "    out += beginning;",
        "    if (out.empty()) out += beginning;",
        "doors|room",
    ),
    Mutation(
        "a room without passwords lets anybody have an account's name",
        "registry/directory.cpp",
        "if (attachment.door != common::Door::kTwoConnection && reserved_.contains(key))",
        "if (attachment.door == common::Door::kNetchat && reserved_.contains(key))",
        "doors|room",
    ),
    Mutation(
        "a flood is written to readers who do not keep up",
        "registry/doors/room.hpp",
        "return writes_left_ > 0 && behind_.empty();",
        "return true;",
        "doors|room",
    ),
    Mutation(
        "a reader who is behind has the room wait for ever",
        "registry/doors/room.cpp",
        "if (behind_.insert(stream).second) set_deadline(*client, now + kBehindTime);",
        "behind_.insert(stream);",
        "doors|room|sim_door",
    ),
    Mutation(
        "guests of the room are without number",
        "registry/group.cpp",
        "  if (guests_.size() >= kGuestsMax) return false;",
        "",
        "doors",
    ),
    Mutation(
        "whoever has the name of a guest now is one as well",
        "registry/group.cpp",
        "return record != nullptr && record->order == guest.order ? record : nullptr;",
        "return record;",
        "doors",
    ),
    Mutation(
        "newcomers who say nothing keep others out",
        "registry/doors/room.cpp",
        "if (nameless_.empty()) {",
        "if (!clients_.empty()) {",
        "doors",
    ),
    Mutation(
        "the room's client shows what could command a terminal",
        "peer/room_client.cpp",
        "common::to_terminal(item.text) + '\\n');",
        "item.text + '\\n');",
        "unit.room|fuzz.room_client|room",
    ),
]
