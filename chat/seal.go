package chat

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"

	"parley/internal/identity"
	"parley/storage/keys"
)

// BodyKey names the key of all that the sender says in the conversation (the system's with an empty sender). Destroying it
// erases one side's words and leaves the other's (R2).
func BodyKey(id ConversationID, sender identity.UserID) keys.Name {
	return keys.Name("chat/" + string(id) + "/" + url.PathEscape(string(sender)))
}

// NameKey names the key of a member's name in the conversation.
func NameKey(id ConversationID, user identity.UserID) keys.Name {
	return keys.Name("chat/" + string(id) + "/member/" + url.PathEscape(string(user)))
}

// Labels are the associated data: they bind a ciphertext to its place, so that a row moved or relabelled in the database
// does not open. The seq is not among them, it is not known before the commit.
func bodyLabel(id ConversationID, sender identity.UserID, cid ClientID, kind string) []byte {
	return label("body", string(id), string(sender), string(cid), kind)
}

func nameLabel(id ConversationID, user identity.UserID) []byte {
	return label("name", string(id), string(user))
}

func valueLabel(id ConversationID, user identity.UserID, what string) []byte {
	return label("value", string(id), string(user), what)
}

func titleLabel(id ConversationID) []byte { return label("title", string(id)) }

func label(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// formSealed is the first byte of what [seal] makes: AES-256-GCM, a random nonce of 12 bytes, ciphertext with tag.
const formSealed = 1

// seal makes the key if need be. Keys are not kept here: the vault's own cache is quick and knows of destruction at once.
func seal(ctx context.Context, v keys.Vault, n keys.Name, ad, plain []byte) ([]byte, error) {
	k, err := v.Create(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	a, err := k.AEAD()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1, 1+a.Overhead()+len(plain))
	out[0] = formSealed
	return a.Seal(out, nil, plain, ad), nil
}

func unseal(ctx context.Context, v keys.Vault, n keys.Name, ad, sealed []byte) ([]byte, error) {
	k, err := v.Open(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	if len(sealed) == 0 || sealed[0] != formSealed {
		return nil, errors.New("unseal: unknown form")
	}
	a, err := k.AEAD()
	if err != nil {
		return nil, err
	}
	plain, err := a.Open(nil, nil, sealed[1:], ad)
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	return plain, nil
}
