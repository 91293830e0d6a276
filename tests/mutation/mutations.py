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
        "if (held == nullptr || owns_by_token(held->record, caller) || owns_by_key(wanted.name, caller))",
        "if (held == nullptr || held != nullptr || owns_by_key(wanted.name, caller))",
        "unit|sim",
    ),
    Mutation(
        "anybody may log anybody out",
        "registry/directory.cpp",
        "if (is_connected || (!owns_by_token(held->record, caller) && !is_holder &&",
        "if (is_connected || (owns_by_token(held->record, caller) && !is_holder && is_connected &&",
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
        "if (entry.lease_end > now) {",
        "if (entry.lease_end >= TimePoint::min()) {",
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
        "the registry dials its own ports",
        "registry/doors/two_connection.cpp",
        "if (line.port < common::kUserPortMin || is_own || is_full) {",
        "if (line.port < common::kUserPortMin || is_full) {",
        "doors|two_connection",
    ),
    Mutation(
        "anybody may speak in a known user's name",
        "registry/gateway.cpp",
        "if (!directory_.may_speak_as(*sender, {.source = source, .token = std::nullopt}))",
        "if (sender->text().empty())",
        "unit.hub|test_hub",
    ),
    Mutation(
        "a second login takes the name of one who is there",
        "registry/doors/two_connection.cpp",
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
        "registry/doors/two_connection.cpp",
        "if (delay == Duration::zero()) return refuse_login(now, client, LoginRefusal::kPassword);",
        "if (delay >= Duration::zero()) return refuse_login(now, client, LoginRefusal::kPassword);",
        "doors|two_connection",
    ),
    Mutation(
        "a sequence is accepted twice",
        "peer/sealed/replay_window.cpp",
        "  if (end_ - sequence > kSize) return true;\n",
        "",
        "unit.sealed",
    ),
    Mutation(
        "sequences beyond the end are accepted",
        "peer/sealed/replay_window.cpp",
        "if (sequence >= kSequenceEnd) return true;",
        "",
        "unit.sealed",
    ),
    Mutation(
        "an INIT is for whoever has the session key",
        "peer/sealed/handshake_bytes.cpp",
        "  write.bytes(common::as_bytes(recipient_name));\n",
        "",
        "unit.sealed",
    ),
    Mutation(
        "a RESP's header may be changed on its way",
        "peer/sealed/handshake_initiator.cpp",
        "if (in.failed() || !std::equal(header.begin(), header.end(), resp.header.begin()))",
        "if (in.failed())",
        "unit.sealed",
    ),
    Mutation(
        "a handshake gives its keys twice",
        "peer/sealed/handshake_initiator.cpp",
        "  is_established_ = true;\n",
        "",
        "unit.sealed",
    ),
    Mutation(
        "an INIT is not tied to its session key",
        "peer/sealed/handshake_responder.cpp",
        "if (!common::is_equal_in_constant_time(mac1_of(own->mac1_key, init.before_mac1), init.mac1))",
        "if (init.mac1 == Mac1{} && from.port == 0)",
        "unit.sealed",
    ),
    Mutation(
        "a certificate may be another session key's",
        "peer/sealed/handshake_responder.cpp",
        "if (certificate->session != message->remote_static) return InitRefusal::kOtherKey;",
        "",
        "unit.sealed",
    ),
    Mutation(
        "an expired certificate is accepted",
        "peer/sealed/handshake_responder.cpp",
        "if (certificate->is_expired(wall_now)) return InitRefusal::kExpired;",
        "(void)wall_now;",
        "unit.sealed",
    ),
    Mutation(
        "an INIT can be replayed",
        "peer/sealed/handshake_responder.cpp",
        "  own.ephemerals.insert(message->remote_ephemeral);\n",
        "",
        "unit.sealed",
    ),
    Mutation(
        "a replayed INIT aims a RESP at a stranger",
        "peer/sealed/ephemeral_cache.cpp",
        "if (it->second.from != from || now >= it->second.resp_until) return nullptr;",
        "if (now >= it->second.resp_until || from.port == 0) return nullptr;",
        "unit.sealed",
    ),
    Mutation(
        "a token proves any address",
        "peer/sealed/retry_tokens.cpp",
        "  write.bytes(std::as_bytes(std::span(from.address.bytes())));\n  write.u16(from.port);\n",
        "",
        "unit.sealed",
    ),
    Mutation(
        "a full key takes handshakes it cannot remember",
        "peer/sealed/handshake_responder.cpp",
        "if (own->ephemerals.is_full()) {",
        "if (own->ephemerals.size() > 99'999) {",
        "unit.sealed",
    ),
    Mutation(
        "the all-zero shared secret is accepted",
        "common/crypto.cpp",
        "if (crypto_scalarmult(raw_out(shared.bytes()), raw(own.bytes()), raw(other.bytes)) != 0)\n    return std::nullopt;",
        "(void)!crypto_scalarmult(raw_out(shared.bytes()), raw(own.bytes()), raw(other.bytes));",
        "unit.sealed",
    ),
    Mutation(
        "a certificate's signature is not looked at",
        "common/certificate.cpp",
        "if (!verify(certificate.identity, message, signature))",
        "if (!verify(certificate.identity, message, signature) && signature[0] == signature[1])",
        "unit.common",
    ),
    Mutation(
        "a changed key goes for the pinned one",
        "peer/sealed/known_peers.cpp",
        "if (pin->identity != identity) return Trust::kChanged;",
        "if (pin->identity != identity && pin->serial == 1) return Trust::kChanged;",
        "unit.sealed",
    ),
    Mutation(
        "a damaged pin makes its name a new one",
        "peer/sealed/known_peers.cpp",
        "    block(subject_of(line), line);\n",
        "    block(subject_of(std::string_view()), line);\n",
        "unit.sealed",
    ),
    Mutation(
        "a request can be repeated at another registry",
        "common/identity.cpp",
        "{request.host, request.method, request.path, request.body}",
        "{request.method, request.path, request.body}",
        "unit.common",
    ),
    Mutation(
        "two programs that start at once have two identities",
        "peer/shell/identity_file.cpp",
        "  if (::link(from.c_str(), to.c_str()) == 0) return {};\n",
        "  if (::rename(from.c_str(), to.c_str()) == 0) return {};\n",
        "unit.shell.identity_file",
    ),
    Mutation(
        "a name forgets its key",
        "registry/name_keys.cpp",
        "if (signer == nullptr || signer->certificate.identity != held->identity) return Verdict::kOther;",
        "if (signer == nullptr) return Verdict::kUnbound;",
        "unit.registry",
    ),
    Mutation(
        "a signed request can be repeated",
        "registry/name_keys.cpp",
        "const bool is_new = signer->serial > held->request_serial &&",
        "const bool is_new = signer->serial >= held->request_serial &&",
        "unit.registry",
    ),
    Mutation(
        "a door gives away a name whose key is away",
        "registry/directory.cpp",
        "if (keys_.find(attachment.name) != nullptr) return Refusal::kBoundName;",
        "",
        "unit.registry",
    ),
    Mutation(
        "a forgotten key comes back with a restart",
        "registry/store/sqlite_database.cpp",
        "if (auto erased = finish(erase_key_.get()); !erased) return erased;",
        "",
        "unit.shell",
    ),
    Mutation(
        "a user with a damaged certificate takes plain text",
        "common/user_json.cpp",
        "    if (!it->is_string() || !is_certificate_text(it->get_ref<const std::string&>()))\n      return std::nullopt;\n",
        "    if (!it->is_string() || !is_certificate_text(it->get_ref<const std::string&>()))\n      return User{*UserName::parse(*name), Endpoint{}, *parse_transport(*transport)};\n",
        "unit.common",
    ),
]
