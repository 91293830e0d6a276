#include "peer/shell/modes.hpp"

#include <array>

namespace peer {
namespace {

constexpr std::array kModes = {
    ModeRow{
        .name = "listen",
        .mode = Mode::kListen,
        .usage = "be reachable under NAME at the registry HOST:PORT",
        .options = "-n --port --json --advertise --question --exec --exec-timeout --exec-plain "
                   "--trust --key --plain",
    },
    ModeRow{
        .name = "send",
        .mode = Mode::kSend,
        .usage = R"(list unicast|ask NAME "TEXT" multicast [A, B] "TEXT" broadcast "TEXT")",
        .options = "--json --level --timeout --hook-status --receipt --trust --key --plain",
        .takes_command = true,
    },
    ModeRow{
        .name = "login",
        .mode = Mode::kLogin,
        .usage = "/list /exit /to NAME TEXT /toall TEXT  at a two-connection server",
        .options = "-n --port --json --password-file",
        .takes_command = true,
        .may_ask_for_name = true,
    },
    ModeRow{
        .name = "room",
        .mode = Mode::kRoom,
        .usage = "TEXT  said in a chat room, by line or once; HOST:PORT is its server",
        .options = "-n --json",
        .takes_command = true,
    },
    ModeRow{
        .name = "netchat",
        .mode = Mode::kNetchat,
        .usage = R"(LIST SEND NAME "TEXT" SEND_MULTI [A,B] "TEXT" READ|DELETE NAME EXIT)",
        .options = "-n --port --json --advertise",
        .takes_command = true,
    },
    ModeRow{
        .name = "meet",
        .mode = Mode::kMeet,
        .usage = "SEARCH NAME, CHAT REQUEST NAME, LOGOUT ...  at a rendezvous registry",
        .options = "-n --port --json --udp --hello",
    },
    ModeRow{
        .name = "key",
        .mode = Mode::kKey,
        .usage = "[OTHER]  show the own key; the safety number with OTHER",
        .options = "--key",
        .takes_command = true,
    },
    ModeRow{
        .name = "verify",
        .mode = Mode::kVerify,
        .usage = "FILE...  check signed receipts (--receipt); also: peer verify FILE...",
        .options = "",
        .takes_command = true,
    },
    ModeRow{
        .name = "trust",
        .mode = Mode::kTrust,
        .usage = "OTHER FINGERPRINT  believe from now on that this is OTHER's key",
        .options = "--key",
        .takes_command = true,
    },
};

}  // namespace

std::span<const ModeRow> modes() { return kModes; }

}  // namespace peer
