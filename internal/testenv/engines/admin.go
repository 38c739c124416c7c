package engines

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// Grant makes a user with the policy as its only one, or gives one that is there a new password and policy.
func (m *Minio) Grant(ctx context.Context, user Credential, policy []byte) error {
	request, err := json.Marshal(map[string]string{"secretKey": user.Secret, "status": "enabled"})
	if err != nil {
		return err
	}
	name := user.Key + "-policy"
	for _, call := range []struct {
		path  string
		query url.Values
		body  []byte
	}{
		{"add-canned-policy", url.Values{"name": {name}}, policy},
		{"add-user", url.Values{"accessKey": {user.Key}}, m.seal(request)},
		{"set-user-or-group-policy", url.Values{"policyName": {name}, "userOrGroup": {user.Key}, "isGroup": {"false"}}, nil},
	} {
		if err := m.admin(ctx, call.path, call.query, call.body); err != nil {
			return fmt.Errorf("grant to %s: %s: %w", user.Key, call.path, err)
		}
	}
	return nil
}

// admin asks MinIO's own administration.
func (m *Minio) admin(ctx context.Context, path string, query url.Values, body []byte) error {
	to := "http://" + m.Addr + "/minio/admin/v3/" + path + "?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	req = signer.SignV4(*req, m.User, m.Password, "", m.Region)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("minio answers %d: %s", res.StatusCode, answer)
	}
	return err
}

// seal encrypts a body that holds secrets as the administration wants it, under a key of the owner's password:
//
//	salt(32) ‖ 2 (PBKDF2, AES-256-GCM) ‖ nonce(8) ‖ one sealed fragment
//
// A fragment's nonce ends in its number, from 1; its associated data is a flag (0x80: the last) and the tag that sealing
// nothing as number 0 gives.
func (m *Minio) seal(body []byte) []byte {
	head := make([]byte, 32+1+8)
	rand.Read(head)
	head[32] = 2
	key, err := pbkdf2.Key(sha256.New, m.Password, head[:32], 8192, 32)
	if err != nil {
		panic(err) // the lengths are right
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := func(number uint32) []byte { return binary.LittleEndian.AppendUint32(bytes.Clone(head[33:]), number) }
	with := append([]byte{0x80}, aead.Seal(nil, nonce(0), nil, nil)...)
	return aead.Seal(head, nonce(1), body, with)
}
