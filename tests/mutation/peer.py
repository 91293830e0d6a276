"""The peer around them: what reaches a terminal or a hook, whom it sends what."""

from mutation import Mutation

MUTATIONS = [
    Mutation(
        "control characters reach the terminal",
        "common/safe_text.cpp",
        "return (c < 0x20 && !(c == '\\t' && tab_allowed)) || c == 0x7f;",
        "return c == 0x7f && tab_allowed;",
        "unit|fuzz|peer_listen",
    ),
    Mutation(
        "the room's client shows what could command a terminal",
        "peer/room_client.cpp",
        "common::to_terminal(item.text) + '\\n');",
        "item.text + '\\n');",
        "unit.peer.room|fuzz.room_client|test_room",
    ),
    Mutation(
        "two programs that start at once have two identities",
        "peer/shell/identity_file.cpp",
        "  if (::link(from.c_str(), to.c_str()) == 0) return {};\n",
        "  if (::rename(from.c_str(), to.c_str()) == 0) return {};\n",
        "unit.shell.identity_file",
    ),
    Mutation(
        "a user with a damaged certificate takes plain text",
        "common/user_json.cpp",
        "    if (!it->is_string() || !is_certificate_text(it->get_ref<const std::string&>()))\n      return std::nullopt;\n",
        "    if (!it->is_string() || !is_certificate_text(it->get_ref<const std::string&>()))\n      return User{*UserName::parse(*name), Endpoint{}, *parse_transport(*transport)};\n",
        "unit.common",
    ),
    Mutation(
        "a hook runs again for a message that it has run for",
        "peer/shell/listen_run.cpp",
        "if (!*is_new) return end(HookEnd::Kind::kRanBefore);",
        "",
        "integration.test_sealed",
    ),
    Mutation(
        "a message is acknowledged before it is written",
        "peer/shell/listen_run.cpp",
        "if (sealed_ && !is_output_closed_ && output_.empty()) sealed_->flush(socket_);",
        "if (sealed_) sealed_->flush(socket_);",
        "integration.test_sealed",
    ),
    Mutation(
        "what was typed before the question answers it",
        "peer/shell/send_run.cpp",
        "::tcflush(terminal.get(), TCIFLUSH);",
        "",
        "integration.test_terminal",
    ),
    Mutation(
        "a name seen with a key gets plain text",
        "peer/sender.cpp",
        "if (terms_.has_key && terms_.has_key(user.name)) {",
        "if (terms_.has_key && false) {",
        "unit.peer|integration.test_sealed",
    ),
    Mutation(
        "strangers who wait behind others are let in",
        "peer/key_questions.cpp",
        "if (!asked_ || now < asked_->put_at + kStrangerTime) return;",
        "",
        "unit.peer",
    ),
    Mutation(
        "a line of receipts may have more in it than what was signed",
        "peer/receipt_file.cpp",
        "receipt.output) != line)",
        "receipt.output).empty())",
        "unit.peer",
    ),
    Mutation(
        "a run of datagrams goes on after its shorter end",
        "peer/shell/datagram_socket.cpp",
        "if (next.datagram.size() < size) break;",
        "if (next.datagram.size() < size && next.datagram.empty()) break;",
        "unit.shell",
    ),
    Mutation(
        "a forged receipt is believed",
        "peer/receipt_file.cpp",
        "if (!sealed::verify_receipt(receipt.statement, signature))",
        "if (!sealed::verify_receipt(receipt.statement, signature) && signature.empty())",
        "unit.peer|integration.test_sealed",
    ),
    Mutation(
        "a registry that was silent all the time is asked again and again for each line",
        "peer/registry_patience.cpp",
        "if (!failure.is_silent || is_given_up_) return std::nullopt;",
        "if (!failure.is_silent) return std::nullopt;",
        "unit.peer.registry_patience",
    ),
]
