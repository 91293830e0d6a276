// The directory as one reader is shown it: only what he can use, in the form that he reads
// (docs/protocol/directory.md, "Lists" and "What a reader is shown"). A core: directory to text.
#pragma once

#include <optional>
#include <string>

#include "registry/directory.hpp"

namespace registry {

/// What an old program takes of an answer, head and all: it reads once, so much.
inline constexpr std::size_t kSingleReadBytes = 2048;

enum class ListForm {
  kComma,  // `a@ip:port,b@ip:port,` CRLF CRLF: the classic form
  kLines,  // one record a line
  kJson,
};

/// Which records a reader can use, and how a loopback address looks from where he is.
struct View {
  /// What he sends by, alone: users who take another are shown at their gateway ports. None: both,
  /// and he is told which.
  std::optional<common::Transport> transport;
  bool with_ipv6 = true;
  /// For a reader on another machine: the registry's own address on his connection, in place of
  /// every loopback address, since those users are on the registry's machine.
  std::optional<common::IpAddress> loopback_as;
  /// Where he reaches gateway ports; none: they are not for him.
  std::optional<common::IpAddress> gateway_at;
  /// He can ask the registry to hand a message on, so that a connected user without a gateway port
  /// is shown.
  bool with_relayed = false;

  friend auto operator<=>(const View&, const View&) = default;
};

/// The user as this reader sees him, or nothing if he cannot use the record.
std::optional<common::User> show(const Record& record, const View& view);

/// His address alone.
std::optional<common::Endpoint> shown_endpoint(const Record& record, const View& view);

/// The records he can use, in order of registration. `last_line_ends` is for kLines: whether the
/// last line ends with LF like the others (NetChat clients need it without). Empty when there are
/// none, except in JSON.
std::string render_list(const Directory& directory, ListForm form, const View& view,
                        bool last_line_ends = true);

/// JSON for ?since=: what changed after `since`, or the whole list with "full":true.
std::string render_changes(const Directory& directory, Version since, const View& view);

/// The comma form for a program that reads an answer once, at most 2,048 bytes, of which
/// `head_bytes` are the head: before the record that would cross that byte the rest is filled with
/// commas, so that the old program sees an end and a reader of the whole sees empty items.
std::string render_single_read_list(const Directory& directory, const View& view,
                                    std::size_t head_bytes);

}  // namespace registry
