// Published test vectors of Noise_IK_25519_ChaChaPoly_SHA256: figures, from the vector files of two
// other implementations, cacophony (https://github.com/haskell-cryptography/cacophony, in Haskell)
// and snow (https://github.com/mcginty/snow, in Rust). The other side's static key is in the files
// as its public half; here it follows from resp_static.
#pragma once

#include <string_view>
#include <vector>

namespace test {

struct NoiseVector {
  struct Message {
    std::string_view payload;
    std::string_view ciphertext;
  };
  std::string_view source;
  std::string_view prologue;  // the same on both sides
  std::string_view init_static;
  std::string_view init_ephemeral;
  std::string_view init_remote_static;
  std::string_view resp_static;
  std::string_view resp_ephemeral;
  std::string_view handshake_hash;  // empty where the source does not give it
  /// Message 1, message 2, then transport messages, by turns from initiator and responder.
  std::vector<Message> messages;
};

inline const std::vector<NoiseVector>& noise_ik_vectors() {
  static const std::vector<NoiseVector> vectors = {
      {"cacophony",
       "4a6f686e2047616c74",
       "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
       "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
       "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
       "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
       "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
       "0b0f68fb0c27e03ce9b97565995ed4838cc0581b762ef72b062f6a546419fad7",
       {
           {"4c756477696720766f6e204d69736573",
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944718da798efbcd915285202"
            "04f904b9bd6c7413dccdc214d951e15253e39987f18146e8cd0873654207148333479d4d16c289f0294b29"
            "960a72f48e0b7bba2e89083169825e59642148d492020664ccf7"},
           {"4d757272617920526f746862617264",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088435361e70b2ed446e6c9ec38"
            "7d1d6b3b840f194e373979d241b203c4acafccf5"},
           {"462e20412e20486179656b", "050e9f3c8fac16b68dbce8f8c4bfbf6617c897f9ada4aa29aa19c8"},
           {"4361726c204d656e676572", "344233a6cabb7141d80f3da2fedc311d9646bbb0f505afe403a667"},
           {"4a65616e2d426170746973746520536179",
            "62cdeeb172ad7ade7aa7d9e069da5790f12331bfa00177787a1d0810c67dc3b2b4"},
           {"457567656e2042f6686d20766f6e2042617765726b",
            "029bead1b40992327044d409d9a1f3ad8f36c3c452775d557e18bbeb2e8dfcead32d514024"},
       }},
      {"snow",
       "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e2"
       "0616e6420626f72696e672e",
       "f49f93c5112c0787acc808d61716d7e090e076a58f15a3f78d92773f8dcb473b",
       "dae68498c41315cff7e4a34dded8d973199d8f0cf3fcb8b6651c169de77de8be",
       "2ea5942829bac414e25aa4cbb1bcc43394816ebb1bd12550d7d0eb4415e42951",
       "b790546f98b1e933c48cd01f17e7b281469d46fcacc9a3b584ae65b1d6272e8e",
       "c0875a5b59c8492bd2135e5432d7d484f938e0a1f5009428c4bcb70b2f69f69f",
       "",
       {
           {"95a8f51c435a9530ff1f30868ed7b23ec952eb513c26a0774fed82d2978a8c81",
            "6d21fec9141f3f37cc464e936a48b2d9521b5a44e0f3d960895d3c3fba30282f731f445c25e898e2534ac0"
            "536715b24308c108fc46bd260c887b36c3f68e3a05654fc8295c068ed53fb2022560961224e0b10b0835e1"
            "efc82fc587cd50f7178fe3d9eb06e0351c6e7334162c10bed670bfa2a105f7b2768a140b3fd597782601"},
           {"b866b807a6d8b83182b884dbfedc861843c5082bd6e480cb54e4245a72083041",
            "e64e1fb8701c4f4bc3850b255fea657d4d835338b059c89acc99628fbe52473b41a4e79e3c1e6abc46bf80"
            "f078a005e15d8a3e04f989af3e6cb99b52031165006163ac3e17b928af8c116009d7bf4fb2"},
           {"e3a4937faef391028f759758b428b57652e0069a8dee64dfed01b60846938740",
            "2bebe19102169cdfe79cf41e38930bfd20a5b2fc78ccf33e853ddd939c0983174656eb27b61464a6077628"
            "48892ca1c0"},
           {"693972f27b0cb98aeac1fb54d782125431e7540e0cb2fa882cf51a8184d724fd",
            "c7c56da33b45d12f4754e17978bd49999c9c8f51d00db460f902aba2e6e245d0c46662f507915de8596f43"
            "b1d175f1db"},
       }},
  };
  return vectors;
}

}  // namespace test
